//! The embedded store: its files, what is refused, and what a kill leaves.

use std::env;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::super::conformance::{key, key_book, rule_book};
use super::super::{Key, KeyBook};
use super::migrations::Migration;
use super::*;

/// A child that another test forks has the lock for as long as it has not become another program.
const PATIENCE: Duration = Duration::from_secs(30);

fn open(data: &Path) -> Embedded {
    Embedded::open(data, PATIENCE).unwrap()
}

fn refused(data: &Path) -> StoreError {
    Embedded::open(data, PATIENCE).expect_err("this store is refused")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[tokio::test]
async fn it_does_what_every_store_does() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    key_book(&store).await;
    rule_book(&store).await;
}

#[tokio::test]
async fn what_was_kept_is_there_the_next_time_for_its_owner_alone() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("a/b");
    let store = open(&data);
    store.add(key(1)).await.unwrap();
    for file in ["store/weir.db", "store/weir.db-wal", "store/weir.db-shm", "store/lock"] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
    assert_eq!((mode(&data), mode(&data.join("store"))), (0o700, 0o700));
    let held = Embedded::open(&data, Duration::ZERO);
    assert!(matches!(held, Err(StoreError::Held(_))), "one process has it");
    drop(store);
    assert_eq!(open(&data).all().await, Ok(vec![key(1)]));
}

#[tokio::test]
async fn what_others_may_change_is_refused() {
    let data = tempfile::tempdir().unwrap();
    drop(open(data.path()));
    let file = data.path().join("store/weir.db");
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    assert_eq!(refused(data.path()), StoreError::Open(file.clone(), 0o640));
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(data.path().join("store"), Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(refused(data.path()), StoreError::Open(_, 0o777)));
}

#[tokio::test]
async fn what_is_no_store_of_ours_is_refused_and_left_as_it_is() {
    let data = tempfile::tempdir().unwrap();
    drop(open(data.path()));
    let file = data.path().join("store/weir.db");
    fs::write(&file, "this is a text of somebody, and no database of anybody").unwrap();
    assert!(matches!(refused(data.path()), StoreError::Corrupt(..)));
    assert!(fs::read_to_string(&file).unwrap().starts_with("this is a text"));
    fs::remove_file(&file).unwrap();
    Connection::open(&file).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let why = refused(data.path());
    assert!(matches!(&why, StoreError::Corrupt(_, why) if why.contains("another program")), "{why}");
}

#[tokio::test]
async fn a_damaged_page_is_noticed() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    for number in 0..200 {
        store.add(key(number)).await.unwrap();
    }
    drop(store);
    let file = data.path().join("store/weir.db");
    let mut bytes = fs::read(&file).unwrap();
    let middle = (bytes.len() / 2) & !4095;
    bytes[middle..middle + 4096].fill(0x5a);
    fs::write(&file, bytes).unwrap();
    assert!(matches!(refused(data.path()), StoreError::Corrupt(..)));
}

#[tokio::test]
async fn a_newer_schema_and_an_altered_one_are_refused() {
    let data = tempfile::tempdir().unwrap();
    drop(open(data.path()));
    let path = data.path().join("store/weir.db");
    let mut connection = Connection::open(&path).unwrap();
    let with = |sql| {
        let all = migrations::ALL.iter().map(|step| step.sql).chain([sql]);
        all.map(|sql| Migration { name: "000x", sql }).collect::<Vec<_>>()
    };
    // A step that fails leaves nothing behind, and it says so as a table that has no type is none in STRICT.
    assert!(migrations::run(&path, &mut connection, &with("CREATE TABLE letters (a) STRICT")).is_err());
    drop(connection);
    drop(open(data.path()));
    let mut connection = Connection::open(&path).unwrap();
    let mut good = with("CREATE TABLE letters (a TEXT) STRICT");
    migrations::run(&path, &mut connection, &good).unwrap();
    migrations::run(&path, &mut connection, &good).unwrap();
    let known = u32::try_from(migrations::ALL.len()).unwrap();
    assert_eq!(refused(data.path()), StoreError::Newer { at: path.display().to_string(), found: known + 1, known });
    good[0] = Migration { name: "0001_keys", sql: "CREATE TABLE keys (a TEXT) STRICT" };
    let altered = migrations::run(&path, &mut connection, &good);
    assert_eq!(altered, Err(StoreError::Altered(path.display().to_string(), "0001_keys".to_owned())));
}

#[tokio::test]
async fn no_room_is_an_error_that_changes_nothing() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    store.add(key(1)).await.unwrap();
    let bound = |pages: u32| {
        move |connection: &Connection| connection.pragma_update(None, "max_page_count", pages).map_err(Trouble::from)
    };
    store.ask(bound(1)).await.unwrap();
    let mut large = key(2);
    large.facts.roles = (0..64).map(|number| format!("{number}").repeat(2000).into()).collect();
    let why = store.add(large.clone()).await;
    assert!(matches!(why, Err(StoreError::Full(_))), "{why:?}");
    assert_eq!(store.all().await, Ok(vec![key(1)]));
    store.ask(bound(1_000_000)).await.unwrap();
    assert_eq!(store.add(large.clone()).await, Ok(()), "with room it goes on");
    assert_eq!(store.all().await, Ok(vec![key(1), large]));
}

#[tokio::test]
async fn a_copy_is_whole_private_and_never_over_another_file() {
    let (data, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(data.path());
    store.add(key(1)).await.unwrap();
    let copy = elsewhere.path().join("copy.db");
    let (copied, added) = tokio::join!(store.backup(&copy), store.add(key(2)));
    assert_eq!((copied, added), (Ok(fs::metadata(&copy).unwrap().len()), Ok(())));
    assert_eq!(mode(&copy), 0o600);
    assert_eq!(store.backup(&copy).await, Err(StoreError::Exists(copy.clone())));
    assert!(matches!(store.backup(&elsewhere.path().join("none/copy.db")).await, Err(StoreError::Failed(..))));
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1, "no draft stays");
    // Restored, it is a store.
    let restored = elsewhere.path().join("data");
    fs::create_dir_all(restored.join("store")).unwrap();
    fs::rename(&copy, restored.join("store/weir.db")).unwrap();
    assert!(open(&restored).all().await.unwrap().contains(&key(1)));
}

/// How often a writer is killed: in the gate a few times.
fn kills() -> usize {
    if env::var_os("WEIR_LONG").is_some() { 200 } else { 10 }
}

const WRITES_IN: &str = "WEIR_TEST_STORE";

/// The one that is killed: says what was answered to it.
#[tokio::test]
async fn a_writer_without_end() {
    let Some(data) = env::var_os(WRITES_IN) else { return };
    let store = open(Path::new(&data));
    for round in 0..u64::MAX {
        let id = format!("{}-{round}", std::process::id());
        let mut key = key(0);
        key.digest = crate::seal::sha256(id.as_bytes());
        key.facts.id = id.clone().into();
        store.add(key).await.unwrap();
        println!("\nkept {id}");
    }
}

#[tokio::test]
async fn what_was_answered_outlives_a_kill() {
    let data = tempfile::tempdir().unwrap();
    let mut answered = Vec::new();
    for kill in 0..kills() {
        let mut writer = Command::new(env::current_exe().unwrap());
        writer.args(["--exact", "--nocapture", "store::embedded::tests::a_writer_without_end"]);
        let mut writer =
            writer.env(WRITES_IN, data.path()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut kept = || lines.find_map(|line| line.strip_prefix("kept ").map(Box::<str>::from));
        for _ in 0..=(kill * 7) % 23 {
            answered.push(kept().expect("it goes on until it is killed"));
        }
        writer.kill().unwrap();
        answered.extend(std::iter::from_fn(kept));
        writer.wait().unwrap();
        let there: Vec<Box<str>> =
            open(data.path()).all().await.unwrap().into_iter().map(|Key { facts, .. }| facts.id).collect();
        let lost: Vec<_> = answered.iter().filter(|id| !there.contains(id)).collect();
        assert!(lost.is_empty(), "after kill {kill} these are gone: {lost:?}");
    }
}
