//! The `causeway` binary: reads the command line, starts what it names, stops it in order. Wiring only: what a setting
//! means and what a platform does stands in the server and the hub.

mod args;
mod check;
mod demo;
mod guard;
mod legacy;
mod logging;
mod migrate;
mod partner;
mod serve;
mod stop;
mod terminal;

use std::process::ExitCode;

use args::Command;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How a command ended when it did not do what it was asked to.
pub(crate) enum Failure {
    /// Bad configuration, a bad file, a taken port: one line each. Exit 2.
    Problems(Vec<String>),
    /// It went well as far as it went, and something is left to do: what, and how to go on. Exit 1.
    Unfinished(String),
}

fn main() -> ExitCode {
    let command = match args::read(std::env::args_os()) {
        Ok(command) => command,
        Err(error) => {
            // Help and version are no failures, and go to the standard output.
            let code = if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
            let _nowhere_else_to_say_it = error.print();
            return code;
        }
    };
    let ended = match command {
        Command::Demo(options) => run(demo::run(options)),
        Command::Serve(flags) => run(serve::run(flags)),
        Command::Guard(options) => run(guard::run(*options)),
        Command::Check(files) => check::run(&files),
        Command::LegacyReport(options) => run(legacy::report(options)),
        Command::Migrate(wish) => run(migrate::migrate(wish)),
        Command::Config => {
            terminal::out(&causeway_server::config::manual());
            Ok(())
        }
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Problems(problems)) => {
            problems.iter().for_each(|problem| terminal::err(&format!("causeway: {problem}")));
            ExitCode::from(2)
        }
        Err(Failure::Unfinished(what)) => {
            terminal::err(&format!("causeway: {what}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs a command that serves. What still runs when it has ended (a password being hashed) is not waited for.
fn run(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Problems(vec![format!("no threads: {error}")]))?;
    runtime.spawn(give_memory_back());
    let ended = runtime.block_on(command);
    runtime.shutdown_timeout(std::time::Duration::from_millis(500));
    logging::settle();
    ended
}

/// mimalloc hands freed memory back to the system a second later, but only when it is asked for a large piece again.
/// Hashing a password takes 19 MiB: without this, an idle process would keep what its last sign-ins took.
async fn give_memory_back() {
    let mut ticks = tokio::time::interval(std::time::Duration::from_secs(3));
    loop {
        ticks.tick().await;
        drop(std::hint::black_box(Vec::<u8>::with_capacity(1 << 20)));
    }
}
