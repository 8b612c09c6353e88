//! The whole configuration, checked: from a file, or from the options of the command line alone.

use std::{
    fs::File,
    io::{self, Read},
    net::SocketAddr,
    ops::Range,
    path::Path,
};

use toml::de::DeTable;

use super::{
    admin::{self, Admin},
    auth::Auth,
    drain::{self, Drain},
    http::{self, Http},
    keys::{self, Keys},
    listen::{self, Address, Listen},
    report::{Mistakes, Place, Report},
    root,
    routes::Route,
    section::Section,
    servers::Server,
};

/// Longer files are refused.
const MOST_BYTES: u64 = 4 << 20;

/// Everything the daemon is built from. Only `daemon` sees it whole; whoever else needs a part of it takes that part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `[listen]`: where clients reach us.
    pub listen: Listen,
    /// `[http]`: bounds on their side.
    pub http: Http,
    /// `[drain]`: how a stopping daemon lets its work end.
    pub drain: Drain,
    /// `[admin]`: where operators reach us.
    pub admin: Admin,
    /// `[keys]`: what seals session ids.
    pub keys: Keys,
    /// `[auth]`: who may call.
    pub auth: Auth,
    /// `[[servers]]`: never empty, names unique.
    pub servers: Vec<Server>,
    /// `[[routes]]`, or those that are there without any: never empty, paths unique.
    pub routes: Vec<Route>,
}

/// What the command line says and the file then does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--listen`, for `[listen] address`.
    pub listen: Option<Address>,
    /// `--admin`, for `[admin] address`.
    pub admin: Option<SocketAddr>,
}

/// A `--to`: a server to front without a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct To {
    /// Its name; `None` stands for `server` and is for a single one only.
    pub name: Option<String>,
    /// Its endpoint.
    pub url: String,
}

impl Settings {
    /// Reads the file at `path` and checks it.
    pub fn load(path: &Path) -> Result<Self, Report> {
        Overrides::default().load(path)
    }

    /// Checks `text`, which came from a file of that name.
    pub fn parse(text: &str, file_name: &str) -> Result<Self, Report> {
        Overrides::default().parse(text, file_name)
    }

    /// The settings that front these servers, with everything else at its default.
    pub fn fronting(to: &[To]) -> Result<Self, Report> {
        Overrides::default().fronting(to)
    }
}

impl Overrides {
    /// As [`Settings::load`], under these options.
    pub fn load(&self, path: &Path) -> Result<Settings, Report> {
        let name = path.display().to_string();
        let text = read(path).map_err(|error| Report::whole(&name, format!("cannot be read: {error}")))?;
        self.parse(&text, &name)
    }

    /// As [`Settings::parse`], under these options.
    pub fn parse(&self, text: &str, file_name: &str) -> Result<Settings, Report> {
        let mistakes = Mistakes::default();
        let (tree, faults) = DeTable::parse_recoverable(text);
        for fault in &faults {
            let place = fault.span().map_or(Place::Whole, |span| fault_place(text, span));
            let why = fault.message().trim_end_matches(", expected nothing");
            mistakes.add(place, format!("this is no TOML: {why}"));
        }
        // After a fault of syntax the tree is a guess, and what is wrong with a guess helps nobody.
        let settings = if faults.is_empty() { Some(self.build(tree.get_ref(), None, &mistakes)) } else { None };
        finish(settings, mistakes, file_name, text)
    }

    /// As [`Settings::fronting`], under these options.
    pub fn fronting(&self, to: &[To]) -> Result<Settings, Report> {
        let mistakes = Mistakes::default();
        let settings = self.build(&DeTable::new(), Some(to), &mistakes);
        finish(Some(settings), mistakes, "the command line", "")
    }

    fn build(&self, tree: &DeTable<'_>, to: Option<&[To]>, mistakes: &Mistakes) -> Settings {
        let root = Section::open(&root::SHAPE, Some(tree), Place::Whole, mistakes);
        let (listen, listening) = Listen::read(&root.table("listen", &listen::SHAPE), self.listen.as_ref());
        let servers = to.map_or_else(|| Server::read_all(&root), |to| Server::fronting(&root, to));
        Settings {
            http: Http::read(&root.table("http", &http::SHAPE)),
            drain: Drain::read(&root.table("drain", &drain::SHAPE)),
            admin: Admin::read(&root.table("admin", &admin::SHAPE), self.admin, &listen),
            keys: Keys::read(&root.table("keys", &keys::SHAPE)),
            auth: Auth::read(&root, &listen, listening),
            routes: Route::read_all(&root, &servers),
            listen,
            servers,
        }
    }
}

impl To {
    /// The meaning of `URL` or `NAME=URL`. What is wrong with either is said later, with everything else.
    pub fn parse(text: &str) -> Self {
        match text.split_once('=') {
            // A `=` further on is the URL's own.
            Some((name, url)) if !name.contains([':', '/']) => {
                Self { name: Some(name.to_owned()), url: url.to_owned() }
            }
            _ => Self { name: None, url: text.to_owned() },
        }
    }
}

/// Where a fault of syntax is. A key ring that was pasted in without quotes is one, and is not quoted.
fn fault_place(text: &str, span: Range<usize>) -> Place {
    let before = &text[..text.floor_char_boundary(span.start)];
    let line = before.rsplit('\n').next().unwrap_or(before);
    if line.contains("ring") { Place::at(span).hidden() } else { Place::at(span) }
}

fn finish(settings: Option<Settings>, mistakes: Mistakes, name: &str, text: &str) -> Result<Settings, Report> {
    match mistakes.report(name, text) {
        Some(report) => Err(report),
        None => Ok(settings.expect("without a mistake there are settings")),
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MOST_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MOST_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is longer than 4 MiB"));
    }
    Ok(text)
}
