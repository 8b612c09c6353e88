//! What is printed once the demo is there: lines to paste, on one screen.

use std::fmt::Write as _;
use std::net::SocketAddr;

/// What the demo is made of.
pub(super) struct Demo<'a> {
    /// Where clients reach Weir.
    pub(super) listen: SocketAddr,
    /// Where operators reach Weir.
    pub(super) admin: SocketAddr,
    /// Where the sample server itself is.
    pub(super) sample: SocketAddr,
    /// Default addresses that were taken, so that others were chosen.
    pub(super) taken: &'a [SocketAddr],
    /// Where the files are, and whether they go with the demo.
    pub(super) data: String,
}

/// How parts of the text look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    head: &'static str,
    dim: &'static str,
    end: &'static str,
}

impl Style {
    /// With colour, or without.
    pub(super) fn new(colour: bool) -> Self {
        match colour {
            true => Self { head: "\x1b[1;36m", dim: "\x1b[2m", end: "\x1b[0m" },
            false => Self { head: "", dim: "", end: "" },
        }
    }

    fn head(self, out: &mut String, text: &str, more: &str) {
        let Self { head, dim, end } = self;
        let more = if more.is_empty() { String::new() } else { format!("  {dim}{more}{end}") };
        writeln!(out, "\n{head}{text}{end}{more}").expect("a String takes all");
    }
}

impl Demo<'_> {
    /// All of it.
    pub(super) fn text(&self, style: Style) -> String {
        let url = format!("http://{}/mcp", self.listen);
        let mut out = String::new();
        for taken in self.taken {
            writeln!(out, "\n{taken} is taken, so another port was chosen (--listen, --admin name one)")
                .expect("a String takes all");
        }
        for (head, more, lines) in [
            ("Try it", "in another terminal", CURL),
            ("Claude Code", "", CLAUDE_CODE),
            ("Claude Desktop", "claude_desktop_config.json, with Node", CLAUDE_DESKTOP),
            ("VS Code", ".vscode/mcp.json", VS_CODE),
            ("Cursor", "~/.cursor/mcp.json", CURSOR),
            ("Inspector", "with Node", INSPECTOR),
        ] {
            style.head(&mut out, head, more);
            out.push_str(&lines.replace("URL", &url));
        }
        let Self { admin, sample, data, .. } = self;
        style.head(&mut out, "Look at it", "");
        write!(
            out,
            "  http://{admin}/metrics  http://{admin}/readyz  http://{admin}/healthz\n  \
             the server itself: http://{sample}/mcp   its files: {data}\n\nCtrl-C ends it.\n"
        )
        .expect("a String takes all");
        out
    }
}

const CURL: &str = r#"  curl URL -H 'Content-Type: application/json' \
    -d '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello"}}}'
"#;
const CLAUDE_CODE: &str = "  claude mcp add --transport http weir-demo URL\n";
/// Its file takes commands alone; `mcp-remote` stands between.
const CLAUDE_DESKTOP: &str = r#"  { "mcpServers": { "weir-demo": { "command": "npx", "args": ["-y", "mcp-remote", "URL"] } } }
"#;
const VS_CODE: &str = r#"  { "servers": { "weir-demo": { "type": "http", "url": "URL" } } }
"#;
const CURSOR: &str = r#"  { "mcpServers": { "weir-demo": { "url": "URL" } } }
"#;
const INSPECTOR: &str = "  npx @modelcontextprotocol/inspector --cli URL --transport http --method tools/list\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn text(taken: &[SocketAddr], colour: bool) -> String {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let data = "/tmp/weir-demo-22424-0 (removed at the end)".to_owned();
        Demo { listen: at(8080), admin: at(9901), sample: at(40169), taken, data }.text(Style::new(colour))
    }

    #[test]
    fn it_fits_one_screen_and_every_entry_is_json() {
        let text = text(&[], false);
        assert!(text.lines().count() <= 30 && text.lines().all(|line| line.len() <= 120), "{text}");
        assert!(!text.contains("URL") && !text.contains('\x1b'), "{text}");
        let entries = text.lines().filter(|line| line.starts_with("  {"));
        let entries: Vec<serde_json::Value> = entries.map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(entries.len(), 3);
        assert_eq!(entries[0]["mcpServers"]["weir-demo"]["args"][2], "http://127.0.0.1:8080/mcp");
        assert_eq!(entries[1]["servers"]["weir-demo"]["url"], "http://127.0.0.1:8080/mcp");
    }

    #[test]
    fn the_readme_shows_it_as_it_is() {
        assert!(include_str!("../../../README.md").contains(&text(&[], false)));
    }

    #[test]
    fn colour_is_around_heads_alone_and_a_taken_port_is_said() {
        let coloured = text(&["127.0.0.1:8080".parse().unwrap()], true);
        assert!(coloured.contains("\x1b[1;36mTry it\x1b[0m") && coloured.contains("127.0.0.1:8080 is taken"));
        let bare = coloured.replace("\x1b[1;36m", "").replace("\x1b[2m", "").replace("\x1b[0m", "");
        assert_eq!(bare, text(&["127.0.0.1:8080".parse().unwrap()], false));
    }
}
