//! Running other programs: with their output shown, or kept.
//!
//! Says what it ran when it fails. Knows nothing of what it runs.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// A command that is not read through a shell.
pub(crate) fn command<S: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Cargo, the one that runs us.
pub(crate) fn cargo<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    command(option_env!("CARGO").unwrap_or("cargo"), arguments)
}

/// Runs it with its output shown.
pub(crate) fn run(mut command: Command) -> Result<(), String> {
    println!("  $ {}", line(&command));
    let status = command.status().map_err(|e| format!("cannot run {}: {e}", line(&command)))?;
    if status.success() { Ok(()) } else { Err(format!("{status}: {}", line(&command))) }
}

/// Runs it and keeps its standard output; its errors are shown only if it fails.
pub(crate) fn capture(mut command: Command) -> Result<String, String> {
    let output = command.output().map_err(|e| format!("cannot run {}: {e}", line(&command)))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        let tail: Vec<&str> = said.lines().rev().take(12).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        Err(format!("{}: {}\n{}", output.status, line(&command), tail.join("\n")))
    }
}

/// Runs it with its output shown, and gives the standard output besides.
pub(crate) fn tee(mut command: Command) -> Result<(bool, String), String> {
    println!("  $ {}", line(&command));
    let mut child =
        command.stdout(Stdio::piped()).spawn().map_err(|e| format!("cannot run {}: {e}", line(&command)))?;
    let mut kept = String::new();
    if let Some(stdout) = child.stdout.take() {
        for text in BufReader::new(stdout).lines() {
            let text = text.map_err(|e| format!("cannot read what {} says: {e}", line(&command)))?;
            println!("{text}");
            kept.push_str(&text);
            kept.push('\n');
        }
    }
    let status = child.wait().map_err(|e| format!("cannot wait for {}: {e}", line(&command)))?;
    Ok((status.success(), kept))
}

/// Whether the program can be started and says yes.
pub(crate) fn works(mut command: Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// The command as a person would type it.
fn line(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}
