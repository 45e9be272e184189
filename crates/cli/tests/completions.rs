//! Completion scripts, asked in the shells that they are for.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::path::Path;
use std::process::Command;

use common::{have, ran, verbs, vpcemu};

/// The script of a shell, as a file in a folder.
fn script(shell: &str, folder: &Path) -> std::path::PathBuf {
    let ran = vpcemu(["completions", shell]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{shell}");
    let path = folder.join(shell);
    std::fs::write(&path, ran.stdout).unwrap();
    path
}

/// What bash offers when the last of these words is completed, in a folder.
fn offered(folder: &Path, words: &[&str]) -> Vec<String> {
    let ask = "source ./bash; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
               _vpcemu vpcemu \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD-1]}\"; \
               printf '%s\\n' \"${COMPREPLY[@]}\"";
    let mut command = Command::new("bash");
    command.args(["--norc", "-c", ask, "bash", "vpcemu"]).args(words).current_dir(folder);
    let ran = ran(command.output().unwrap());
    // Out of a command line, `compopt` has nothing that it could set.
    let complaints: Vec<_> = ran.stderr.lines().filter(|line| !line.contains("compopt")).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
    ran.stdout.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn bash_completes_verbs_flags_values_and_paths() {
    if !have("bash") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = script("bash", folder.path());
    let bash = |text: &str| {
        let output = Command::new("bash").args(["--norc", "-c", text]).current_dir(folder.path()).output().unwrap();
        let ran = ran(output);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{text}");
        ran.stdout
    };
    bash(&format!("bash -n {}", script.display()));
    let registered = bash("source ./bash && complete -p vpcemu");
    assert!(registered.contains("-F _vpcemu") && registered.trim_end().ends_with("vpcemu"), "{registered}");

    std::fs::create_dir(folder.path().join("dump")).unwrap();
    for file in ["net one.toml", "traffic.pcap"] {
        std::fs::write(folder.path().join(file), "").unwrap();
    }
    let offered = |words: &[&str]| offered(folder.path(), words);
    assert_eq!(offered(&["rep"]), ["replay"]);
    assert_eq!(offered(&["replay", "--verd"]), ["--verdicts"]);
    assert_eq!(offered(&["replay", "--midstream", ""]), ["adopt", "strict"]);
    assert_eq!(offered(&["bench", "--size", "i"]), ["imix"]);
    assert_eq!(offered(&["completions", "po"]), ["powershell"]);
    // A name with a space is one name.
    assert_eq!(offered(&["replay", "-c", "ne"]), ["net one.toml"]);
    assert_eq!(offered(&["replay", "-w", "tr"]), ["traffic.pcap"]);
    assert_eq!(offered(&["replay", "--verdicts", "tr"]), ["traffic.pcap"]);
    assert_eq!(offered(&["man", "--out", "du"]), Vec::<String>::new(), "compopt adds folders");
}

#[test]
fn fish_completes_verbs_flags_values_and_paths() {
    if !have("fish") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    script("fish", folder.path());
    std::fs::write(folder.path().join("traffic.pcap"), "").unwrap();
    let offered = |typed: &str| {
        let mut command = Command::new("fish");
        command.args(["-N", "-c", "source ./fish; complete -C $argv[1]", typed]).current_dir(folder.path());
        let ran = ran(command.output().unwrap());
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{typed}");
        // What it is follows behind a tab.
        let names = ran.stdout.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(offered("vpcemu rep"), ["replay"]);
    assert_eq!(offered("vpcemu replay --verd"), ["--verdicts"]);
    assert_eq!(offered("vpcemu replay --midstream "), ["adopt", "strict"]);
    assert_eq!(offered("vpcemu replay -w tr"), ["traffic.pcap"]);
}

#[test]
fn zsh_finds_the_script_by_its_name() {
    if !have("zsh") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::rename(script("zsh", folder.path()), folder.path().join("_vpcemu")).unwrap();
    let ask = "fpath=($PWD $fpath); autoload -U compinit && compinit -u -D && print $_comps[vpcemu]";
    let ran = ran(Command::new("zsh").args(["-f", "-c", ask]).current_dir(folder.path()).output().unwrap());
    assert_eq!((ran.code, ran.stderr.as_str(), ran.stdout.trim()), (Some(0), "", "_vpcemu"));
}

/// Every verb that `help` lists is in every script, which its shell can read.
#[test]
fn every_shell_gets_a_script_with_every_verb() {
    let verbs = verbs();
    assert!(verbs.iter().any(|verb| verb == "replay"), "{verbs:?}");
    let folder = tempfile::tempdir().unwrap();
    for (shell, parse) in [
        ("bash", Some("-n")),
        ("zsh", Some("-n")),
        ("fish", Some("--no-execute")),
        ("elvish", None),
        ("powershell", None),
    ] {
        let path = script(shell, folder.path());
        let text = std::fs::read_to_string(&path).unwrap();
        for verb in &verbs {
            assert!(text.contains(verb), "{shell}: {verb}");
        }
        if let Some(parse) = parse
            && have(shell)
        {
            let ran = ran(Command::new(shell).arg(parse).arg(&path).output().unwrap());
            assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{shell}");
        }
    }
    let ran = vpcemu(["completions", "tcsh"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("elvish"), "{}", ran.stderr);
}
