//! Servers that are commands, in the file and on the command line.

use weir::config::{Settings, To};

#[test]
fn what_may_be_a_secret_in_an_environment_is_not_repeated() {
    for text in ["environment = { A = [\"hunter2\"] }", "environment = \"hunter2\""] {
        let report = super::refused(&format!("[[servers]]\nname = \"a\"\ncommand = [\"a\"]\n{text}\n"));
        assert!(!report.contains("hunter2"), "{report}");
    }
}

#[test]
fn a_command_on_the_command_line_is_split_as_a_shell_would() {
    let command = |text: &str| Settings::fronting(&[To::parse_command(text)]);
    let words = |text: &str| command(text).unwrap().servers[0].command.clone().unwrap().words;
    assert_eq!(words("npx -y 'a b' c\\ d \"\""), ["npx", "-y", "a b", "c d", ""]);
    assert_eq!(words("files=./server --x=$HOME"), ["./server", "--x=$HOME"]);
    assert_eq!(words("./server --key=value"), ["./server", "--key=value"]);
    let named = Settings::fronting(&[To::parse_command("files=./server"), To::parse("b=http://b/mcp")]).unwrap();
    assert_eq!(named.servers.iter().map(|server| server.name.as_str()).collect::<Vec<_>>(), ["files", "b"]);
    let refused = |text: &str| command(text).unwrap_err().to_string();
    assert_eq!(refused("npx 'a"), "--to-command: has a quote that is not closed");
    for empty in [" ", "''", "\u{0}"] {
        assert!(refused(empty).starts_with("--to-command: takes a program and its arguments, 'npx -y "), "{empty:?}");
    }
    let nameless = Settings::fronting(&[To::parse_command("a"), To::parse_command("b")]).unwrap_err().to_string();
    assert!(
        nameless.contains("--to-command: needs a name where there are several: --to-command NAME='COMMAND'"),
        "{nameless}"
    );
}

#[test]
fn what_is_unwise_of_a_command_is_warned_of() {
    let warned = |keys: &str| {
        let text = format!("[[servers]]\nname = \"a\"\n{keys}\n");
        let warnings = Settings::parse(&text, "f").unwrap().warnings;
        warnings.iter().map(|finding| finding.one_line().to_string()).collect::<Vec<_>>().join("\n")
    };
    for (keys, said) in [
        (
            "command = [\"docker\", \"run\", \"--rm\", \"image\"]",
            "f:3:11: `docker run` leaves a server without standard input",
        ),
        (
            "command = [\"a\"]\nenvironment = { MY_TOKEN = \"hunter2\" }",
            "f:4:15: `environment`: MY_TOKEN looks like a secret",
        ),
        (
            "command = [\"a\"]\nprocesses = { limit = 1 }",
            "f:4:13: `limit` is 1 where clients have processes of their own",
        ),
        (
            "command = [\"a\"]\nprocesses = { per = \"shared\", warm = 2 }",
            "f:4:13: `warm` is 2 where all clients share",
        ),
    ] {
        let warnings = warned(keys);
        assert!(warnings.starts_with(said) && !warnings.contains("hunter2"), "{warnings}");
    }
    for keys in [
        "command = [\"docker\", \"run\", \"-it\", \"--rm\", \"image\"]",
        "command = [\"a\"]\nenvironment = { MY_TOKEN = { file = \"/t\" }, TOKENS = \"3\" }",
        "command = [\"a\"]\nprocesses = { per = \"shared\", limit = 1, warm = 1 }",
    ] {
        assert_eq!(warned(keys), "");
    }
}
