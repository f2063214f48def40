//! The process that trains: started, listened to, and ended when it takes too long.

use std::process::Stdio;

use foretell_store::RunOutcome;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;

use super::tail::Tail;
use super::{Program, Schedule, Trial};

/// Bytes that the line before an artifact may have.
const LONGEST_TRIAL: u64 = 8 << 20;
/// Bytes of the log that are read at once.
const CHUNK: usize = 4096;

/// Why there is no trial: how the run ends, and what its log says at the end.
pub(super) type Ended = (RunOutcome, String);

/// Has a process train and measure, and gives what it found with the artifact. A process whose caller stops waiting is
/// killed.
pub(super) async fn train(
    program: &Program,
    schedule: &Schedule,
    most_bytes: u64,
    log: &Tail,
) -> Result<(Trial, Vec<u8>), Ended> {
    let failed = |what: String| (RunOutcome::Failed, what);
    let mut command = Command::new(&program.path);
    command.args(&program.arguments).args(&schedule.arguments).envs(program.environment.iter().cloned());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    // What a terminal sends to this process is for this process, which then ends the other.
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn().map_err(|error| failed(format!("cannot start the process: {error}")))?;
    // Held until the end: the process ends with its input.
    let _input = child.stdin.take();
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let most = most_bytes.saturating_add(LONGEST_TRIAL);
    let whole = async {
        let (bytes, ()) = tokio::join!(read(output, most), follow(errors, log));
        (bytes, child.wait().await)
    };
    let Ok((bytes, status)) = timeout(schedule.timeout, whole).await else {
        let seconds = schedule.timeout.as_secs_f64();
        return Err((RunOutcome::Timeout, format!("it was ended after {seconds} seconds")));
    };
    let status = status.map_err(|error| failed(format!("cannot wait for the process: {error}")))?;
    if !status.success() {
        return Err(failed(format!("the process ended with {status}")));
    }
    let bytes = bytes.map_err(|error| failed(format!("cannot read from the process: {error}")))?;
    if bytes.len() as u64 > most {
        return Err(failed(format!("the model has more than {most_bytes} bytes")));
    }
    Trial::read(bytes).ok_or_else(|| failed("the process did not say what it found".to_owned()))
}

/// All of an output, and not much more than `most` bytes.
async fn read(output: Option<impl AsyncRead + Unpin>, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(output) = output {
        output.take(most.saturating_add(1)).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

async fn follow(errors: Option<impl AsyncRead + Unpin>, log: &Tail) {
    let Some(mut errors) = errors else { return };
    let mut chunk = [0; CHUNK];
    // What cannot be read is over, as what has ended.
    while let Ok(count @ 1..) = errors.read(&mut chunk).await {
        log.push(&chunk[..count]);
    }
}
