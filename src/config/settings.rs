//! The whole configuration, checked: from a file, or from the options of the command line alone.

use std::{ops::Range, path::Path};

use toml::de::DeTable;

use super::{
    admin::{self, Admin, AdminAddress},
    auth::Auth,
    drain::{self, Drain},
    fetch::{self, Fetch},
    file::Accepted,
    http::{self, Http},
    include,
    keys::{self, Keys},
    limits::Limit,
    listen::{self, Address, Listen},
    merge,
    reload::{self, Reload},
    report::{Finding, Mistakes, Place, Report},
    roles::Role,
    root,
    routes::Route,
    rules::{self, Expression, Rules},
    section::Section,
    server_name::ServerName,
    servers::Server,
    sources::{Broken, Sources, Text, Texts},
    store::{self, Store},
    telemetry::{self, Telemetry},
    unwise,
};

/// Everything the daemon is built from. Only `daemon` sees it whole; whoever else needs a part of it takes that part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `[listen]`: where clients reach us.
    pub listen: Listen,
    /// `[http]`: bounds on their side.
    pub http: Http,
    /// Whether `[http] connections` was written, and not left at its default: fewer will then not do.
    pub connections_written: bool,
    /// `[drain]`: how a stopping daemon lets its work end.
    pub drain: Drain,
    /// `[admin]`: where operators reach us.
    pub admin: Admin,
    /// `[keys]`: what seals session ids.
    pub keys: Keys,
    /// `[auth]`: who may call.
    pub auth: Auth,
    /// `[fetch]`: whom Weir asks itself.
    pub fetch: Fetch,
    /// `[[roles]]` and those that are built in, each with what it includes: names unique.
    pub roles: Vec<Role>,
    /// `[[rules]]` and `[[rule_groups]]`: what policy says.
    pub rules: Rules,
    /// `[store]`: where keys and rules are kept.
    pub store: Store,
    /// `[[limits]]`: how much there may be; names unique.
    pub limits: Vec<Limit>,
    /// `[reload]`: what reads this again.
    pub reload: Reload,
    /// `[telemetry]`: what operators are told.
    pub telemetry: Telemetry,
    /// `[[servers]]`: never empty, names unique.
    pub servers: Vec<Server>,
    /// `[[routes]]`, or those that are there without any: never empty, paths unique.
    pub routes: Vec<Route>,
    /// The files that this was read from.
    pub sources: Sources,
    /// Their texts, so that what is found wrong later can be shown in them.
    pub(super) texts: Texts,
    /// What is allowed and unwise.
    pub warnings: Vec<Finding>,
}

/// What the command line says and the file then does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--listen`, for `[listen] address`.
    pub listen: Option<Address>,
    /// `--admin`, for `[admin] address`.
    pub admin: Option<AdminAddress>,
}

/// A `--to` or `--to-command`: a server to front without a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct To {
    /// Its name; `None` stands for `server` and is for a single one only.
    pub name: Option<String>,
    /// What it is.
    pub what: Fronted,
}

/// What is fronted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fronted {
    /// An endpoint.
    Url(String),
    /// A command, in one text.
    Command(String),
}

impl Fronted {
    pub(super) fn option(&self) -> &'static str {
        match self {
            Self::Url(_) => "--to",
            Self::Command(_) => "--to-command",
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Url(_) => "URL",
            Self::Command(_) => "'COMMAND'",
        }
    }
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

impl Settings {
    /// A report of what is wrong in expressions of theirs, each with the part of its text that is meant; `None` where nothing is.
    pub fn flaws<'a>(&self, found: impl IntoIterator<Item = (&'a Expression, Range<usize>, String)>) -> Option<Report> {
        let mistakes = Mistakes::default();
        for (expression, part, message) in found {
            mistakes.add(expression.part(&self.texts.whole, part), message);
        }
        let name = self.texts.files.first().map_or("the configuration", |(name, _)| name);
        mistakes.findings(name, &self.texts).err().map(|report| report.read_from(self.sources.clone()))
    }
}

impl Overrides {
    /// As [`Settings::load`], under these options.
    pub fn load(&self, path: &Path) -> Result<Settings, Report> {
        self.load_from(path, Accepted::Files)
    }

    /// As [`Overrides::load`], of a configuration that is not read again and so may come through a pipe.
    pub fn load_once(&self, path: &Path) -> Result<Settings, Report> {
        self.load_from(path, Accepted::Pipes)
    }

    /// As [`Settings::parse`], under these options.
    pub fn parse(&self, text: &str, file_name: &str) -> Result<Settings, Report> {
        self.read(&Text::of(text.as_bytes()), file_name, None)
    }

    fn load_from(&self, path: &Path, accepted: Accepted) -> Result<Settings, Report> {
        let name = path.display().to_string();
        let text = Text::read(path, 0, accepted);
        let text = text.map_err(|error| Report::whole(&name, format!("cannot be read: {error}")))?;
        self.read(&text, &name, Some(path))
    }

    /// Only what came from a file can include others.
    fn read(&self, text: &Text, name: &str, path: Option<&Path>) -> Result<Settings, Report> {
        let (mistakes, mut texts, mut sources) = (Mistakes::default(), Texts::default(), Sources::default());
        sources.files.extend(path.map(|path| (path.to_owned(), text.mark)));
        // Beside a pipe there is nothing: what it includes is looked for here.
        let main = path.map(|path| if text.is_pipe { Path::new("") } else { path });
        let settings = self.read_all(text, name, main, &mistakes, &mut texts, &mut sources);
        let settings = settings.map(|settings| Settings { sources: sources.clone(), ..settings });
        finish(settings, mistakes, name, &texts).map_err(|report| report.read_from(sources))
    }

    /// None where a file is no TOML.
    fn read_all(
        &self,
        text: &Text,
        name: &str,
        main: Option<&Path>,
        mistakes: &Mistakes,
        texts: &mut Texts,
        sources: &mut Sources,
    ) -> Option<Settings> {
        texts.add(name, &text.content);
        let mut tree = parse(&text.content, 0, text.broken.as_ref(), mistakes)?;
        let files = match main {
            Some(main) => include::files(main, &tree, sources, mistakes),
            None => {
                if let Some(value) = tree.get("include") {
                    mistakes.add(Place::at(value.span()), "only a configuration that is a file can include others");
                }
                Vec::new()
            }
        };
        // Each is parsed behind as many blanks as there is text before it, so that its places count through all files.
        let mut parts = Vec::new();
        for (file, named) in files {
            match Text::read(&file, texts.whole.len(), Accepted::Files) {
                Ok(Text { content, mark, broken, .. }) => {
                    let start = texts.add(&file.display().to_string(), &content);
                    parts.push((format!("{}{content}", " ".repeat(start)), start, broken));
                    sources.files.push((file, mark));
                }
                Err(error) => {
                    mistakes.add(named, format!("{} cannot be read: {error}", file.display()));
                    sources.directories.push((file, None));
                }
            }
        }
        let mut whole = true;
        for (part, start, broken) in &parts {
            match parse(part, *start, broken.as_ref(), mistakes) {
                Some(included) => merge::into(&mut tree, included, texts, mistakes),
                None => whole = false,
            }
        }
        whole.then(|| self.build(&tree, None, mistakes))
    }

    /// As [`Settings::fronting`], under these options.
    pub fn fronting(&self, to: &[To]) -> Result<Settings, Report> {
        let mistakes = Mistakes::default();
        let settings = self.build(&DeTable::new(), Some(to), &mistakes);
        finish(Some(settings), mistakes, "the command line", &Texts::default())
    }

    fn build(&self, tree: &DeTable<'_>, to: Option<&[To]>, mistakes: &Mistakes) -> Settings {
        let root = Section::open(&root::SHAPE, Some(tree), Place::Whole, mistakes);
        let (listen, listening) = Listen::read(&root.table("listen", &listen::SHAPE), self.listen.as_ref());
        let http = root.table("http", &http::SHAPE);
        let servers = to.map_or_else(|| Server::read_all(&root), |to| Server::fronting(&root, to));
        let roles = Role::read_all(&root, &servers);
        let admin = Admin::read(&root.table("admin", &admin::SHAPE), self.admin.as_ref(), &listen);
        let auth = Auth::read(&root, &listen, listening, &roles);
        if let (Some(at), None) = (servers.iter().position(|server| server.assertion), listen.url()) {
            let message = "[listen] needs `public_url`: an assertion says who makes it, which is what clients call us";
            mistakes.add(root.place_in_list("servers", at, "assertion"), message);
        }
        let connections_written = http.has("connections");
        let http = Http::read(&http);
        let routes = Route::read_all(&root, &servers, &auth, &http);
        let known = rules::Known { servers: &servers, routes: &routes, roles: &roles };
        let settings = Settings {
            rules: Rules::read(&root, known),
            connections_written,
            drain: Drain::read(&root.table("drain", &drain::SHAPE)),
            admin,
            fetch: Fetch::read(&root.table("fetch", &fetch::SHAPE)),
            keys: Keys::read(&root.table("keys", &keys::SHAPE)),
            store: Store::read(&root.table("store", &store::SHAPE)),
            reload: Reload::read(&root.table("reload", &reload::SHAPE)),
            telemetry: Telemetry::read(&root.table("telemetry", &telemetry::SHAPE)),
            limits: Limit::read_all(&root, &servers, &roles),
            roles,
            routes,
            http,
            auth,
            listen,
            servers,
            sources: Sources::default(),
            texts: Texts::default(),
            warnings: Vec::new(),
        };
        unwise::note(&settings, &root);
        settings
    }
}

impl To {
    /// The meaning of `URL` or `NAME=URL`. What is wrong with either is said later, with everything else.
    pub fn parse(text: &str) -> Self {
        match text.split_once('=') {
            // A `=` further on is the URL's own.
            Some((name, url)) if !name.contains([':', '/']) => {
                Self { name: Some(name.to_owned()), what: Fronted::Url(url.to_owned()) }
            }
            _ => Self { name: None, what: Fronted::Url(text.to_owned()) },
        }
    }

    /// The meaning of `COMMAND` or `NAME=COMMAND`: before a `=` that belongs to the command itself stands more than a
    /// name.
    pub fn parse_command(text: &str) -> Self {
        match text.split_once('=') {
            Some((name, line)) if ServerName::parse(name).is_ok() => {
                Self { name: Some(name.to_owned()), what: Fronted::Command(line.to_owned()) }
            }
            _ => Self { name: None, what: Fronted::Command(text.to_owned()) },
        }
    }
}

/// The tree of a file that begins at `start`; none after a fault of syntax, when it would be a guess: what is wrong with
/// a guess helps nobody.
fn parse<'a>(text: &'a str, start: usize, broken: Option<&Broken>, mistakes: &Mistakes) -> Option<DeTable<'a>> {
    if let Some(Broken { at, why, garbled }) = broken {
        let place = fault_place(text, at.start + start..at.end + start);
        mistakes.add(if *garbled { place.hidden() } else { place }, why);
        return None;
    }
    let (tree, faults) = DeTable::parse_recoverable(text);
    for fault in &faults {
        let place = fault.span().map_or(Place::Whole, |span| fault_place(text, span));
        let why = fault.message().trim_end_matches(", expected nothing");
        mistakes.add(place, format!("this is no TOML: {why}"));
    }
    faults.is_empty().then(|| tree.into_inner())
}

/// Where a fault of syntax is. A key ring that was pasted in without quotes is one, and is not quoted.
fn fault_place(text: &str, span: Range<usize>) -> Place {
    let before = &text[..text.floor_char_boundary(span.start)];
    let line = before.rsplit('\n').next().unwrap_or(before);
    if line.contains("ring") { Place::at(span).hidden() } else { Place::at(span) }
}

fn finish(settings: Option<Settings>, mistakes: Mistakes, name: &str, texts: &Texts) -> Result<Settings, Report> {
    let warnings = mistakes.findings(name, texts)?;
    let settings = settings.expect("without a mistake there are settings");
    Ok(Settings { warnings, texts: texts.clone(), ..settings })
}
