//! The one writer of the catalog, on the control runtime.

use tokio::sync::mpsc::Receiver;

use super::learn;
use super::observer::{Seen, Sighting};
use super::offer::Page;

/// Reads sightings and publishes what they say, until all observers are gone.
///
/// What cannot be read strictly is not learnt: the tool stays as it was, or unknown.
pub async fn publish(mut sightings: Receiver<Sighting>) {
    while let Some(sighting) = sightings.recv().await {
        take(sighting);
    }
}

/// Several cores may have seen the same answer, and whoever asked on behalf of a call may, so it is compared once more.
pub(super) fn take(sighting: Sighting) {
    let Sighting { server, seen } = sighting;
    server.update(|offer| match seen {
        Seen::Tools { result, first_page } if !offer.knows_page(&result, first_page) => {
            let page = learn::tools(&result)?;
            let whole = first_page && !page.goes_on;
            let kept = Page::new(result, first_page, page.known);
            Some(offer.with_page(kept, whole, page.tools))
        }
        Seen::Supported { result } if !offer.knows_discovered(&result) => {
            let revisions = learn::revisions(&result)?;
            Some(offer.with_discovered(result, revisions))
        }
        Seen::Tools { .. } | Seen::Supported { .. } => None,
    });
}
