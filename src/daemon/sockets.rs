//! Sockets that the service manager hands over (sd_listen_fds(3)), by the name that it gave them.
//!
//! Whoever handed a socket over keeps it, with the connections that wait in it: so it survives us, and a restart
//! refuses nobody.

use std::env;
use std::process;
use std::thread;

use anyhow::{Context, anyhow, bail};
use listenfd::ListenFd;

use crate::config::{Address, Settings};
use crate::net::listen::{At, Bound, Sockets};

use super::Failure;

/// The first of them.
const FIRST: usize = 3;
/// More than anybody hands over. The number comes from the environment, and a list is made of it.
const MOST: usize = 1024;
/// What a socket is called that was given no name.
const UNKNOWN: &str = "unknown";

/// All that was handed over, for as long as the process lives: a reload may ask for one that the start did not.
#[derive(Debug, Default)]
pub(super) struct HandedOver {
    sockets: Vec<Handed>,
    /// Why there is none, where there was to be one.
    problem: Option<String>,
}

#[derive(Debug)]
struct Handed {
    name: String,
    descriptor: usize,
    /// What is wrong with it, else.
    socket: Result<Bound, String>,
}

impl HandedOver {
    /// Takes what the environment names, and takes it out of there: once, and before there is a second thread.
    pub(super) fn take() -> Self {
        let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let (count, process, names) = (variable("LISTEN_FDS"), variable("LISTEN_PID"), variable("LISTEN_FDNAMES"));
        let Some(count) = count else { return Self::default() };
        let names = match names_of(&count, process.as_deref(), names.as_deref(), process::id()) {
            Ok(names) => names,
            Err(problem) => return Self { sockets: Vec::new(), problem: Some(problem) },
        };
        let mut descriptors = ListenFd::from_env();
        let sockets = names.into_iter().enumerate().map(|(at, name)| {
            let socket = take(&mut descriptors, at);
            Handed { name, descriptor: FIRST + at, socket }
        });
        Self { sockets: sockets.collect(), problem: None }
    }

    /// The sockets of that name.
    ///
    /// # Errors
    /// There is none, or one that clients cannot connect to.
    pub(super) fn sockets(&self, name: &str) -> anyhow::Result<Sockets> {
        let mut sockets = Vec::new();
        for Handed { descriptor, socket, .. } in self.sockets.iter().filter(|handed| handed.name == name) {
            match socket {
                Ok(socket) => sockets.push(socket.try_clone().context("a handed-over socket cannot be duplicated")?),
                Err(why) => {
                    bail!("the handed-over socket {name:?} (file descriptor {descriptor}) cannot be used: {why}")
                }
            }
        }
        if sockets.is_empty() {
            return Err(anyhow!("no socket {name:?} was handed over: {}", self.what_there_is()));
        }
        Ok(Sockets::handed_over(sockets))
    }

    /// Warns once of what nothing will serve.
    pub(super) fn warn_unless_named(&self, name: Option<&str>) {
        if let Some(problem) = &self.problem {
            tracing::warn!(problem, "sockets that were handed over are not used");
        }
        let unused: Vec<_> = self.sockets.iter().filter(|handed| Some(&*handed.name) != name).collect();
        if !unused.is_empty() {
            let names: Vec<_> = unused.iter().map(|handed| &*handed.name).collect();
            tracing::warn!(
                names = names.join(", "),
                "sockets were handed over that nothing listens on; name one in `[listen] address` as \"fd:NAME\""
            );
        }
    }

    fn what_there_is(&self) -> String {
        match (&self.problem, self.sockets.is_empty()) {
            (Some(problem), _) => problem.clone(),
            (None, true) => {
                "none was (LISTEN_FDS is not set). Start the unit's socket, `systemctl start weir.socket`".to_owned()
            }
            (None, false) => {
                let names: Vec<_> = self.sockets.iter().map(|handed| format!("{:?}", handed.name)).collect();
                format!("there is {} (`FileDescriptorName=` of the socket unit)", names.join(", "))
            }
        }
    }
}

/// As many cores as the process may use, at most as many as can be asked for.
pub(super) fn available_cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(256)
}

/// The sockets for clients, for so many cores.
pub(super) fn open(settings: &Settings, handed_over: &HandedOver, cores: usize) -> Result<Sockets, Failure> {
    let address = &settings.listen.address;
    let bound = match address {
        Address::Handed(name) => return handed(name, settings, handed_over),
        Address::Tcp(address) => Sockets::bind(*address, cores),
        Address::Unix(path) => Sockets::bind_unix(path),
    };
    handed_over.warn_unless_named(None);
    bound.with_context(|| format!("cannot listen on {address} ([listen] address, --listen)")).map_err(Failure::failed)
}

fn handed(name: &str, settings: &Settings, handed_over: &HandedOver) -> Result<Sockets, Failure> {
    let anonymous = &settings.auth.anonymous;
    let sockets = handed_over.sockets(name);
    let sockets = sockets.with_context(|| format!("cannot listen on fd:{name} ([listen] address, --listen)"));
    let sockets = sockets.map_err(Failure::unusable)?;
    // Of an address that is written the configuration has been asked the same.
    let addresses = sockets.addresses().context("a handed-over socket has no address").map_err(Failure::failed)?;
    match beyond_loopback(&addresses) {
        Some(address) if anonymous.enabled && !anonymous.really => Err(Failure::unusable(anyhow!(
            "the handed-over socket {name:?} listens on {address}, which is not loopback, so that whoever reaches the \
             address could call every server without credentials. Let its unit listen on 127.0.0.1, say who may call \
             ([auth]), or say that you want it: [auth.anonymous] with `enabled = true` and `really = true`"
        ))),
        _ => {
            handed_over.warn_unless_named(Some(name));
            Ok(sockets)
        }
    }
}

/// Addresses for people.
pub(super) fn listed(addresses: &[At]) -> String {
    let addresses: Vec<_> = addresses.iter().map(At::to_string).collect();
    addresses.join(", ")
}

/// One of `addresses` that others than this machine can reach.
pub(super) fn beyond_loopback(addresses: &[At]) -> Option<&At> {
    addresses.iter().find(|address| !address.is_loopback())
}

/// Each socket's name; the error says why there is none.
fn names_of(count: &str, process: Option<&str>, names: Option<&str>, own: u32) -> Result<Vec<String>, String> {
    let process = process.ok_or("LISTEN_FDS is set and LISTEN_PID is not: it is not said whose they are")?;
    if process.parse() != Ok(own) {
        return Err(format!("LISTEN_FDS is for process {process} (LISTEN_PID), and this is {own}"));
    }
    let count = count.parse().ok().filter(|count| (1..=MOST).contains(count));
    let count = count.ok_or_else(|| format!("LISTEN_FDS is no number of sockets, 1 to {MOST}"))?;
    let Some(names) = names else { return Ok(vec![UNKNOWN.to_owned(); count]) };
    let names: Vec<_> = names.split(':').map(str::to_owned).collect();
    if names.len() != count {
        return Err(format!("LISTEN_FDS counts {count} sockets, and LISTEN_FDNAMES names {}", names.len()));
    }
    Ok(names)
}

/// One of them. What is none of our kind is closed: nothing else could be done with it.
fn take(descriptors: &mut ListenFd, at: usize) -> Result<Bound, String> {
    let tcp = descriptors.take_tcp_listener(at).map(|socket| socket.map(Bound::Tcp));
    let socket = tcp.or_else(|_| descriptors.take_unix_listener(at).map(|socket| socket.map(Bound::Unix)));
    match socket {
        Ok(Some(socket)) => match socket.unfit() {
            None => Ok(socket),
            Some(why) => Err(why.to_owned()),
        },
        Ok(None) => Err("there is none of that number".to_owned()),
        Err(_) => {
            let _ = (descriptors.take_udp_socket(at), descriptors.take_unix_datagram(at));
            Err("it is no socket of TCP, nor a Unix one for streams".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_environment_names_each_socket_and_whose_it_is() {
        let names = |count, process, names| names_of(count, process, names, 7);
        assert_eq!(names("2", Some("7"), Some("weir:weir")).unwrap(), ["weir", "weir"]);
        assert_eq!(names("2", Some("7"), None).unwrap(), [UNKNOWN, UNKNOWN]);
        for (count, process, named, why) in [
            ("2", None, None, "LISTEN_PID is not"),
            ("2", Some("8"), None, "process 8"),
            ("2", Some("x"), None, "process x"),
            ("0", Some("7"), None, "no number"),
            ("-1", Some("7"), None, "no number"),
            ("4000000000", Some("7"), None, "no number"),
            ("2", Some("7"), Some("weir"), "names 1"),
        ] {
            let said = names(count, process, named).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }

    fn handed(names: &[&str]) -> HandedOver {
        let sockets = names.iter().enumerate().map(|(at, name)| {
            let socket = TcpListener::bind("127.0.0.1:0").map(Bound::Tcp).map_err(|error| error.to_string());
            Handed { name: (*name).to_owned(), descriptor: FIRST + at, socket }
        });
        HandedOver { sockets: sockets.collect(), problem: None }
    }

    #[test]
    fn all_sockets_of_a_name_are_given_again_and_again() {
        let handed = handed(&["weir", "other", "weir"]);
        for _ in 0..2 {
            let addresses = handed.sockets("weir").unwrap().addresses().unwrap();
            let of = |at: usize| handed.sockets[at].socket.as_ref().unwrap().at().unwrap();
            assert_eq!(addresses, [of(0), of(2)]);
        }
    }

    #[test]
    fn what_is_not_there_or_unfit_is_said() {
        let said = |handed: &HandedOver, name| format!("{:#}", handed.sockets(name).unwrap_err());
        assert!(said(&HandedOver::default(), "weir").contains("LISTEN_FDS is not set"));
        assert!(said(&handed(&["web", "api"]), "weir").contains("\"web\", \"api\""));
        let problem = HandedOver { problem: Some("LISTEN_FDS is for process 8".into()), ..HandedOver::default() };
        assert!(said(&problem, "weir").contains("process 8"));
        let mut unfit = handed(&["weir"]);
        unfit.sockets[0].socket = Err("it is no TCP socket".into());
        assert!(said(&unfit, "weir").contains("\"weir\" (file descriptor 3) cannot be used: it is no TCP socket"));
    }

    #[test]
    fn a_mapped_loopback_address_is_loopback() {
        let all = |text: &[&str]| text.iter().map(|text| At::Tcp(text.parse().unwrap())).collect::<Vec<_>>();
        assert_eq!(beyond_loopback(&all(&["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"])), None);
        assert_eq!(beyond_loopback(&[At::Unix("/run/weir.sock".into())]), None);
        let [_, open] = &all(&["127.0.0.1:1", "[::]:1"])[..] else { unreachable!("there are two") };
        assert_eq!(beyond_loopback(&all(&["127.0.0.1:1", "[::]:1"])), Some(open));
    }
}
