//! Open descriptors of processes, read from `/proc/<pid>/fd`.
//!
//! Invariant: what is read only explains; nothing is decided by it, so what cannot be read is left
//! out.
//! Not here: what sockets are about (`sockets`).

use super::table::{self, Entry};

/// Inodes behind a process's descriptors of one kind: `socket`, `pipe`.
pub(super) fn inodes(pid: i32, kind: &str) -> impl Iterator<Item = u64> {
    let folder = std::fs::read_dir(format!("/proc/{pid}/fd"));
    folder.into_iter().flatten().flatten().filter_map(move |item| {
        let link = std::fs::read_link(item.path()).ok()?;
        let rest = link.to_str()?.strip_prefix(kind)?;
        rest.strip_prefix(":[")?.strip_suffix(']')?.parse().ok()
    })
}

/// Other processes that hold this pipe, as far as we may know.
pub(super) fn holders(pipe: u64) -> Vec<Entry> {
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let mut table = table::all().unwrap_or_default();
    table.retain(|entry| entry.pid != own && inodes(entry.pid, "pipe").any(|held| held == pipe));
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn who_holds_a_pipe_is_found() {
        let (reader, writer) = std::io::pipe().unwrap();
        let link = std::fs::metadata(format!(
            "/proc/self/fd/{}",
            std::os::fd::AsRawFd::as_raw_fd(&reader)
        ));
        let inode = link.unwrap().ino();
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(inodes(own, "pipe").any(|held| held == inode));
        assert!(!inodes(own, "socket").any(|held| held == inode));
        let mut child =
            std::process::Command::new("sleep").arg("1000").stdout(writer).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        assert!(holders(inode).iter().any(|entry| entry.pid == pid));
        child.kill().unwrap();
        child.wait().unwrap();
        // Other tests start processes, which share our descriptors until they become programs.
        assert!(!holders(inode).iter().any(|entry| entry.pid == pid));
    }
}
