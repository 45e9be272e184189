use clap::{Command, CommandFactory};

use super::*;

/// What somebody types, as a shell would take it apart: words, and `|` and `>` on their own.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in line.chars() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    assert_eq!(quote, None, "{line}");
    words.extend(word);
    words
}

/// The command lines of vpcemu in an example, which may be a pipeline that ends in a file.
fn calls(example: &str) -> Vec<Vec<String>> {
    let words = words(example);
    let commands = words.split(|word| word == "|").map(|command| {
        let end = command.iter().position(|word| word == ">").unwrap_or(command.len());
        command[..end].to_vec()
    });
    commands.filter(|command| command.first().is_some_and(|program| program == "vpcemu")).collect()
}

/// The examples of a verb: the indented lines below "Examples:".
fn examples(command: &Command) -> Vec<String> {
    let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let below = text.lines().skip_while(|line| *line != "Examples:").skip(1);
    below.map_while(|line| line.strip_prefix("  ")).map(str::to_owned).collect()
}

#[test]
fn every_example_in_help_parses() {
    let root = Arguments::command();
    root.clone().debug_assert();
    for command in std::iter::once(&root).chain(root.get_subcommands()) {
        let name = command.get_name();
        let examples = examples(command);
        assert!(
            (1..=4).contains(&examples.len()),
            "{name}: {} examples in `after_help`, not one to four",
            examples.len()
        );
        assert!(
            command.get_long_about().is_none(),
            "{name}: one sentence says what it does, examples are `after_help`"
        );
        for example in examples {
            // Help is not wider, and a line that is wrapped cannot be pasted.
            assert!(example.len() <= 98, "{name}: {} columns: {example}", example.len());
            let calls = calls(&example);
            assert!(!calls.is_empty(), "{name}: no call of vpcemu: {example}");
            for call in calls {
                if command.get_name() != "vpcemu" {
                    assert_eq!(call[1], name, "an example of something else: {example}");
                }
                match Arguments::try_parse_from(&call) {
                    Ok(_) => {}
                    Err(error) if error.kind() == clap::error::ErrorKind::DisplayHelp => {}
                    Err(error) => panic!("{example}\n{error}"),
                }
            }
        }
    }
}

#[test]
fn words_are_those_of_a_shell() {
    assert_eq!(words("a 'b c' \"\" d'e'"), ["a", "b c", "", "de"]);
    assert_eq!(calls("tcpdump -w - | vpcemu schema > out"), [["vpcemu", "schema"]]);
}
