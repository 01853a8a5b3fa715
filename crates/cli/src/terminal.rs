//! What is written for the person at the terminal. Nobody listening any more (a closed pipe) is no reason to stop.

use std::io::Write;

/// A line, or several, on the standard output.
pub(crate) fn out(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _closed_pipe =
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.write_all(b"\n")).and_then(|()| stdout.flush());
}

/// The same on the standard error.
pub(crate) fn err(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _closed_pipe = stderr.write_all(text.as_bytes()).and_then(|()| stderr.write_all(b"\n"));
}
