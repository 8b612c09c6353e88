//! Looking at the process once a second, and folding what its cores have counted. It runs on the control runtime; no
//! core waits for it, and no scrape starts it.

mod processes;
mod queues;

use std::fs::{self, read_to_string};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::config::Settings;
use crate::model::{Level, Pressure, Readiness};
use crate::net::tls::dates;
use crate::store::Seen;
use crate::telemetry::{Certificate, Database, Fold, Observed, Sample};

use super::credentials::Board;
use super::memory;
use super::plan::Lasting;
use super::sharing::Sharing;
use super::stores::Stores;
pub(super) use processes::Counts;
pub(super) use queues::Queues;

const EVERY: Duration = Duration::from_secs(1);
/// How often files of certificates are read anew.
const CERTIFICATES: Duration = Duration::from_secs(60);

/// What is looked at beside what the cores count.
pub(super) struct Looked {
    /// Where connections wait for the cores.
    queues: watch::Receiver<Queues>,
    pressure: Arc<Pressure>,
    readiness: Arc<Readiness>,
    /// The files of certificates that the configuration in force names.
    certificates: watch::Receiver<Vec<PathBuf>>,
    /// Of the processes of commands.
    processes: Counts,
    /// Of the key sets that are fetched.
    board: Board,
    stores: Stores,
    sharing: Option<Sharing>,
    memory_limit: Option<u64>,
}

impl Looked {
    /// What is looked at, besides the process.
    pub(super) fn new(
        lasting: &Lasting,
        queues: watch::Receiver<Queues>,
        readiness: Arc<Readiness>,
        certificates: watch::Receiver<Vec<PathBuf>>,
    ) -> Self {
        Self {
            queues,
            pressure: Arc::clone(&lasting.pressure),
            readiness,
            certificates,
            processes: lasting.driver.counts(),
            board: lasting.board.clone(),
            stores: lasting.stores.clone(),
            sharing: lasting.sharing.clone(),
            memory_limit: memory::limit(),
        }
    }
}

/// The files of certificates that a configuration names, each once.
pub(super) fn certificates(settings: &Settings) -> Vec<PathBuf> {
    let tls = settings.servers.iter().map(|server| &server.tls);
    let named = tls.flat_map(|tls| [tls.ca.as_ref(), tls.identity.as_ref().map(|identity| &identity.certificate)]);
    let ours = settings.listen.tls.iter().flat_map(|tls| {
        let shown = tls.certificates.iter().map(|identity| &identity.certificate);
        shown.chain(tls.clients.iter().map(|clients| &clients.ca))
    });
    let mut files: Vec<_> = named.flatten().chain(ours).cloned().collect();
    files.sort();
    files.dedup();
    files
}

/// Looks and folds once, so that there is a page from the first scrape on; the rest does so for as long as the control
/// runtime lives.
pub(super) fn observe(observed: Observed, mut fold: Fold, looked: Looked) -> impl Future<Output = ()> {
    fold.fold(&look(&observed, &looked, Vec::new()));
    let (dates, read) = watch::channel(Vec::new());
    async move {
        let named = looked.certificates.clone();
        let folding = async {
            let mut ticks = interval(EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let certificates = read.borrow().clone();
                fold.fold(&look(&observed, &looked, certificates));
            }
        };
        tokio::join!(folding, read_dates(named, dates));
    }
}

/// Reads the certificates now, whenever others are named, and again after a while. A file system that hangs holds up
/// this alone.
async fn read_dates(mut named: watch::Receiver<Vec<PathBuf>>, dates: watch::Sender<Vec<Certificate>>) {
    loop {
        let files = named.borrow_and_update().clone();
        if let Ok(read) = spawn_blocking(move || files.iter().filter_map(|file| date(file)).collect()).await {
            dates.send_replace(read);
        }
        if let Ok(Err(_)) = timeout(CERTIFICATES, named.changed()).await {
            // Nobody is left who could name others.
            return;
        }
    }
}

fn date(file: &Path) -> Option<Certificate> {
    match dates::run_out(file) {
        Ok(dates) => Some(Certificate { file: file.display().to_string(), not_after: dates.into_iter().min()? }),
        Err(error) => {
            tracing::warn!(%error, "a certificate that the configuration names cannot be dated");
            None
        }
    }
}

fn look(observed: &Observed, looked: &Looked, certificates: Vec<Certificate>) -> Sample {
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    let missing = looked.readiness.missing();
    let key_sets = looked.board.look();
    looked.readiness.lacks(key_sets.iter().filter(|set| set.lacks).map(|set| set.issuer.clone()).collect());
    let store = looked.stores.opened().and_then(|store| store.look());
    looked.readiness.store_is_away(store.is_some_and(|store| store.away));
    Sample {
        resident: memory::kilobytes(&status, "VmRSS:"),
        virtual_memory: memory::kilobytes(&status, "VmSize:"),
        memory_limit: looked.memory_limit,
        pressure: pressure(&looked.pressure),
        cpu: Some(cpu_of_the_process()),
        cores: observed.cpu(),
        open_files: open_files(),
        most_files: getrlimit(Resource::Nofile).current,
        queues: looked.queues.borrow().look(),
        ready: missing.is_none(),
        draining: missing == Some("draining"),
        certificates,
        processes: looked.processes.look(),
        key_sets,
        introspections: looked.board.answers(),
        store: store.map(database),
        sharing: looked.sharing.as_ref().and_then(Sharing::look),
    }
}

fn database(Seen { away, asked, failed, open, idle, waiting }: Seen) -> Database {
    Database { away, asked, failed, used: open.saturating_sub(idle), idle, waiting }
}

fn pressure(pressure: &Pressure) -> Level {
    match (pressure.sheds(), pressure.refuses()) {
        (_, true) => Level::Refuse,
        (true, false) => Level::Shed,
        (false, false) => Level::Ease,
    }
}

fn cpu_of_the_process() -> Duration {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(used.tv_sec).unwrap_or(0), u32::try_from(used.tv_nsec).unwrap_or(0))
}

/// Linux tells the number of open files as the size of their directory since 6.2; before that they are counted.
fn open_files() -> Option<u64> {
    const FILES: &str = "/proc/self/fd";
    match fs::metadata(FILES).ok()?.len() {
        0 => Some(fs::read_dir(FILES).ok()?.count() as u64),
        open => Some(open),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_tells_is_read() {
        let (before, open) = (cpu_of_the_process(), open_files().unwrap());
        assert!(before > Duration::ZERO && open > 3, "{before:?} {open}");
        let _file = fs::File::open("/proc/self/status").unwrap();
        let mut spun = 0u64;
        while cpu_of_the_process() == before {
            spun = std::hint::black_box(spun + 1);
        }
    }

    #[test]
    fn each_file_of_certificates_is_named_once() {
        let tls = "tls = { ca = \"/ca.pem\", certificate = \"/we.pem\", key = \"/key.pem\" }";
        let server = |name: &str| {
            format!("[[servers]]\nname = {name:?}\nendpoints = [\"https://{name}.internal/mcp\"]\n{tls}\n")
        };
        let listen = "[listen]\ntls = { certificate = \"/us.pem\", key = \"/key.pem\" }\nclient_ca = \"/ca.pem\"\n";
        let settings = Settings::parse(&format!("{listen}{}{}", server("one"), server("two")), "test").unwrap();
        assert_eq!(certificates(&settings), ["/ca.pem", "/us.pem", "/we.pem"].map(PathBuf::from));
    }

    #[tokio::test]
    async fn certificates_are_dated_at_once_when_others_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, year: i32| {
            let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
            params.not_after = rcgen::date_time_ymd(year, 1, 1);
            let pem = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem();
            let path = directory.path().join(name);
            fs::write(&path, pem).unwrap();
            path
        };
        let (one, other, gone) = (file("one", 2030), file("other", 2031), directory.path().join("gone"));
        let (name, named) = watch::channel(vec![one.clone(), gone]);
        let (dates, mut read) = watch::channel(Vec::new());
        let reading = tokio::spawn(read_dates(named, dates));
        let dated = |path: &PathBuf, not_after| vec![Certificate { file: path.display().to_string(), not_after }];
        let first = read.wait_for(|dates| !dates.is_empty()).await.unwrap().clone();
        assert_eq!(first, dated(&one, 1_893_456_000));
        name.send_replace(vec![other.clone()]);
        read.changed().await.unwrap();
        assert_eq!(*read.borrow(), dated(&other, 1_924_992_000));
        drop(name);
        reading.await.unwrap();
    }
}
