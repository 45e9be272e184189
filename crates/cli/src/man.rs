//! `vpcemu man`: the manual pages, made from what `--help` says.

use std::fs;
use std::io;

use clap::{Command, CommandFactory};
use clap_mangen::roff::{Roff, roman};

use crate::Ending;
use crate::args::{Arguments, Man};
use crate::error::{Error, print};

pub(crate) fn run(arguments: &Man) -> Result<Ending, Error> {
    let pages = pages(arguments.verb.as_deref())?;
    let Some(folder) = &arguments.out else {
        for page in &pages {
            print(&page.text)?;
        }
        return Ok(Ending::Done);
    };
    fs::create_dir_all(folder).map_err(|source| Error::Write { path: folder.clone(), source })?;
    for page in &pages {
        let path = folder.join(&page.file);
        fs::write(&path, &page.text).map_err(|source| Error::Write { path: path.clone(), source })?;
        print(&format!("{}\n", path.display()))?;
    }
    Ok(Ending::Done)
}

/// A page in roff, and the name of its file.
struct Page {
    file: String,
    text: String,
}

/// The page of a verb, or that of vpcemu and those of all verbs.
fn pages(verb: Option<&str>) -> Result<Vec<Page>, Error> {
    // `vpcemu help` prints what the pages say.
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    let verbs = || command.get_subcommands().filter(|it| !it.is_hide_set());
    match verb {
        None => Ok(std::iter::once(&command).chain(verbs()).map(page).collect()),
        Some(name) => match verbs().find(|it| it.get_name() == name) {
            Some(verb) => Ok(vec![page(verb)]),
            None => {
                let known: Vec<_> = verbs().map(Command::get_name).collect();
                Err(Error::Usage(format!("man: `{name}` is no verb; there is {}", known.join(", "))))
            }
        },
    }
}

fn page(command: &Command) -> Page {
    // As help has it: the synopsis of clap_mangen lists flags without their values.
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let page = clap_mangen::Man::new(command.clone().override_usage(usage))
        .source(concat!("vpcemu ", env!("CARGO_PKG_VERSION")))
        .manual("vpcemu manual");
    let mut text = Vec::new();
    // A buffer takes everything: this cannot fail.
    let _ = render(&page, command, &mut text);
    Page { file: page.get_filename(), text: String::from_utf8_lossy(&text).into_owned() }
}

fn render(page: &clap_mangen::Man, command: &Command, out: &mut Vec<u8>) -> io::Result<()> {
    page.render_title(out)?;
    page.render_name_section(out)?;
    page.render_synopsis_section(out)?;
    page.render_description_section(out)?;
    page.render_options_section(out)?;
    if command.has_subcommands() {
        page.render_subcommands_section(out)?;
    }
    if let Some(text) = command.get_after_help() {
        sections(&text.to_string()).to_writer(out)?;
    }
    if command.has_subcommands() {
        return Ok(());
    }
    let mut roff = Roff::default();
    roff.control("SH", ["SEE ALSO"]).text([roman("vpcemu(1)")]);
    roff.to_writer(out)
}

/// What stands below the flags: lines at the margin that end in a colon are headings, indented ones stay lines of their own.
fn sections(text: &str) -> Roff {
    let mut roff = Roff::default();
    let mut example = false;
    for line in text.lines().filter(|line| !line.is_empty()) {
        let indented = line.starts_with(' ');
        if indented != example {
            roff.control(if indented { "nf" } else { "fi" }, []);
            example = indented;
        }
        match line.strip_suffix(':').filter(|_| !indented) {
            Some(heading) => roff.control("SH", [heading.to_uppercase().as_str()]),
            None => roff.text([roman(line.trim_start())]),
        };
    }
    if example {
        roff.control("fi", []);
    }
    roff
}
