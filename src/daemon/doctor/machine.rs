//! What the machine gives: open files, memory, room in the data directory. Only looked at.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, StatVfs, accessat, statvfs};
use rustix::process::{Resource, getrlimit};

use crate::config::{Http, Settings};
use crate::daemon::files;
use crate::daemon::memory::{self, Marks};

use super::finding::Finding;

const MIB: u64 = 1 << 20;
/// Below this, new work would be refused about as soon as the process has started.
const LEAST_MEMORY: u64 = 64 * MIB;
/// Free space of the data directory below this is worth a warning.
const LEAST_SPACE: u64 = 64 * MIB;
const LEAST_INODES: u64 = 1000;

pub(super) fn examine(settings: &Settings, data: &Path) -> [Finding; 3] {
    [open_files(settings), memory(&settings.http), disk(data)]
}

fn open_files(settings: &Settings) -> Finding {
    // The daemon raises its own soft limit to the hard one.
    let hard = getrlimit(Resource::Nofile).maximum;
    open_files_under(hard, settings)
}

fn open_files_under(hard: Option<u64>, settings: &Settings) -> Finding {
    let connections = settings.http.connections;
    let (subject, need) = ("open files", files::needed(connections));
    match hard {
        Some(hard) if files::too_few(files::carried(hard), settings) => Finding::warn(
            subject,
            format!("the hard limit of {hard} carries {} connections, not {connections}", files::carried(hard)),
            format!("raise LimitNOFILE= (or `ulimit -Hn`) to {need}, or lower [http] connections"),
        ),
        Some(hard) if hard < need => {
            Finding::ok(subject, format!("limit {hard}; it carries {} connections", files::carried(hard)))
        }
        Some(hard) => Finding::ok(subject, format!("limit {hard}; {connections} connections need {need}")),
        None => Finding::ok(subject, format!("no limit; {connections} connections need {need}")),
    }
}

fn memory(http: &Http) -> Finding {
    let (subject, marks) = ("memory", memory::limit().map(|limit| (limit, Marks::of(http))));
    let Some((limit, Some(marks))) = marks else {
        let finding = "the limit cannot be read: [http] shed_memory and refuse_memory have no effect";
        return Finding::warn(subject, finding, "mount /proc");
    };
    let finding = format!(
        "limit {}; from {} on requests are refused, from {} on connections",
        size(limit),
        size(marks.shed()),
        size(marks.refuse())
    );
    if marks.shed() < LEAST_MEMORY {
        return Finding::warn(subject, finding, "give it more (MemoryMax= of its unit, or the container's limit)");
    }
    Finding::ok(subject, finding)
}

fn disk(data: &Path) -> Finding {
    let subject = "data directory";
    let shown = data.display();
    let advice = "name a directory that this user may write with --data";
    // A directory that is not there yet is made in the nearest one that is.
    let there = match nearest(data) {
        Ok(there) => there,
        Err(error) => return Finding::fail(subject, format!("{shown} cannot be looked at: {error}"), advice),
    };
    if !there.is_dir() {
        return Finding::fail(subject, format!("{} is no directory", there.display()), advice);
    }
    if let Err(error) = accessat(CWD, &there, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS) {
        let finding = format!("{} cannot be written: {}", there.display(), io::Error::from(error));
        return Finding::fail(subject, finding, advice);
    }
    let space = match statvfs(&there) {
        Ok(space) => space,
        Err(error) => {
            let finding = format!("{shown}: its free space cannot be read: {}", io::Error::from(error));
            return Finding::warn(subject, finding, "look with `df`");
        }
    };
    let state = if there == data { "" } else { ", which the first start makes" };
    room(subject, format!("{shown}{state}"), &space)
}

fn room(subject: &str, what: String, space: &StatVfs) -> Finding {
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let finding = format!("{what}: {} free", size(free));
    // Some file systems have no inodes to count, and say 0 of 0.
    if space.f_files > 0 && space.f_favail < LEAST_INODES {
        let finding = format!("{finding}, {} inodes", space.f_favail);
        return Finding::warn(subject, finding, "make room: files cannot be made without inodes (`df -i`)");
    }
    if free < LEAST_SPACE {
        return Finding::warn(subject, finding, "make room");
    }
    Finding::ok(subject, finding)
}

/// `path`, or the nearest directory above it that is there.
fn nearest(path: &Path) -> io::Result<PathBuf> {
    for path in path.ancestors() {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        match path.try_exists() {
            Ok(true) => return Ok(path.to_owned()),
            Ok(false) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(PathBuf::from("."))
}

fn size(bytes: u64) -> String {
    const GIB: u64 = 1 << 30;
    if bytes >= GIB {
        format!("{}.{} GiB", bytes / GIB, bytes % GIB * 10 / GIB)
    } else {
        format!("{} MiB", bytes / MIB)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn connections_need_two_files_each() {
        let text = "[[servers]]\nname = \"a\"\nendpoints = [\"http://127.0.0.1:1/\"]\n";
        let settings = Settings::parse(text, "test").unwrap();
        let of = |hard| open_files_under(hard, &settings);
        let (short, enough) = (of(Some(1024)), of(Some(20_128)));
        assert_eq!((short.verdict, enough.verdict), (Verdict::Warn, Verdict::Ok));
        assert_eq!(short.finding, "the hard limit of 1024 carries 448 connections, not 10000");
        assert!(short.advice.unwrap().contains("20128"));
        assert_eq!(of(None).verdict, Verdict::Ok);
        // Nobody has asked for more.
        let fewer = of(Some(4096));
        assert_eq!((fewer.verdict, &*fewer.finding), (Verdict::Ok, "limit 4096; it carries 1984 connections"));
        let text = format!("[http]\nconnections = 2000\n{text}");
        let asked = open_files_under(Some(4096), &Settings::parse(&text, "test").unwrap());
        assert_eq!(asked.verdict, Verdict::Warn);
    }

    #[test]
    fn a_data_directory_is_there_or_can_be_made() {
        let home = tempfile::tempdir().unwrap();
        let missing = home.path().join("a/b");
        let finding = disk(&missing);
        assert!(finding.finding.contains("which the first start makes"), "{finding:?}");
        assert!(!missing.exists() && !home.path().join("a").exists());
        assert!(!disk(home.path()).finding.contains("makes"));
        let file = home.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(disk(&file).verdict, Verdict::Fail);
        assert_eq!(disk(&file.join("below")).verdict, Verdict::Fail);
    }

    #[test]
    fn want_of_room_is_told() {
        let mut space = statvfs("/").unwrap();
        (space.f_frsize, space.f_bavail, space.f_files, space.f_favail) = (4096, 1 << 20, 0, 0);
        assert_eq!(room("x", "d".into(), &space), Finding::ok("x", "d: 4.0 GiB free"));
        space.f_files = 1;
        assert_eq!(room("x", "d".into(), &space).verdict, Verdict::Warn);
        (space.f_files, space.f_bavail) = (0, 16 * 256 - 1);
        assert_eq!(room("x", "d".into(), &space).finding, "d: 15 MiB free");
        assert_eq!(room("x", "d".into(), &space).verdict, Verdict::Warn);
    }
}
