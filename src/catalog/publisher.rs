//! The one writer of the catalog, on the control runtime.

use std::sync::Arc;

use tokio::sync::mpsc::Receiver;

use super::{Catalog, Sighting, learn};

/// Reads sightings and publishes what they say, until all observers are gone.
///
/// What cannot be read strictly is not learnt: the tool stays as it was, or unknown.
pub async fn publish(mut sightings: Receiver<Sighting>, catalog: Arc<Catalog>) {
    while let Some(sighting) = sightings.recv().await {
        take(&catalog, sighting);
    }
}

/// Several cores may have seen the same answer, so it is compared once more.
pub(super) fn take(catalog: &Catalog, sighting: Sighting) {
    match sighting {
        Sighting::Tools { server, result, first_page } => {
            let Some(offer) = catalog.offer(server).filter(|offer| !offer.knows_page(&result, first_page)) else {
                return;
            };
            let Some(page) = learn::tools(&result) else { return };
            let whole = first_page && !page.goes_on;
            catalog.swap(server, offer.with_page(result, first_page, whole, page.tools));
        }
        Sighting::Supported { server, result } => {
            let Some(offer) = catalog.offer(server).filter(|offer| !offer.knows_discovered(&result)) else { return };
            let Some(revisions) = learn::revisions(&result) else { return };
            catalog.swap(server, offer.with_discovered(result, revisions));
        }
    }
}
