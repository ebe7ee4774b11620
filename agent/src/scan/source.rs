//! A system's files as a scan reads them: below one directory, bounded, counted, and no faster than agreed.
//!
//! Paths are resolved by the kernel as after `chroot` (`openat2` with `RESOLVE_IN_ROOT`): a symbolic link,
//! absolute or full of `..`, leads nowhere outside. Nothing but regular files is ever opened for reading, so
//! a pipe cannot block a scan and a device notices nothing.

use super::pace::Pace;
use super::unread::Unread;
use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat, openat2, readlinkat, statat,
};
use rustix::io::Errno;
use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

/// Longest file that is read whole, in bytes: configuration is far shorter.
pub const MAX_FILE_BYTES: usize = 4 * 1024 * 1024;

/// Most members of a directory that are listed.
pub const MAX_MEMBERS: usize = 262_144;

/// Longest line that is given whole, in bytes.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// Times an open is tried again after a rename somewhere made the kernel unsure of `..`.
const MAX_TRIES: usize = 8;

/// Bytes read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A socket, a pipe or a device.
    Special,
}

/// What the file system says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// What it is.
    pub kind: Type,
    /// The word for it in a leaf of the tree.
    pub word: &'static str,
    /// Permissions with SUID, SGID and sticky bits: the lower twelve bits.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its length in bytes.
    pub size: u64,
    /// The device it lies on.
    pub dev: u64,
    /// The device it is, if it is one.
    pub rdev: u64,
    /// Its number on that device.
    pub ino: u64,
    /// When its contents changed last, in nanoseconds since 1970.
    pub mtime_ns: i128,
    /// When anything of it changed last, in nanoseconds since 1970; cannot be set.
    pub ctime_ns: i128,
}

impl Meta {
    /// Whether others than owner and group may write to it.
    pub fn world_writable(&self) -> bool {
        self.mode & 0o002 != 0
    }

    /// Whether only root decides what it holds: owned by root, and nobody else may write.
    pub fn only_root_writes(&self) -> bool {
        self.uid == 0 && self.world_writable().eq(&false) && (self.mode & 0o020 == 0 || self.gid == 0)
    }
}

/// Who counts as root. An image that an ordinary user unpacked belongs to that user from its first directory on;
/// what belongs to the same user and group in it belongs to root. Below `/` root is root.
#[derive(Debug, Clone, Copy)]
struct Owner {
    uid: u32,
    gid: u32,
}

impl Owner {
    fn meta(self, stat: &Stat) -> Meta {
        let (kind, word) = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => (Type::File, "file"),
            FileType::Directory => (Type::Directory, "directory"),
            FileType::Symlink => (Type::Link, "link"),
            FileType::Fifo => (Type::Special, "fifo"),
            FileType::Socket => (Type::Special, "socket"),
            FileType::CharacterDevice => (Type::Special, "character-device"),
            FileType::BlockDevice => (Type::Special, "block-device"),
            FileType::Unknown => (Type::Special, "unknown"),
        };
        let nanos = |secs: i64, nanos: u64| i128::from(secs) * 1_000_000_000 + i128::from(nanos);
        Meta {
            kind,
            word,
            mode: stat.st_mode & 0o7777,
            uid: if stat.st_uid == self.uid { 0 } else { stat.st_uid },
            gid: if stat.st_gid == self.gid { 0 } else { stat.st_gid },
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            dev: stat.st_dev,
            rdev: stat.st_rdev,
            ino: stat.st_ino,
            #[allow(clippy::useless_conversion, reason = "the types differ between architectures")]
            mtime_ns: nanos(stat.st_mtime.into(), stat.st_mtime_nsec.into()),
            #[allow(clippy::useless_conversion, reason = "the types differ between architectures")]
            ctime_ns: nanos(stat.st_ctime.into(), stat.st_ctime_nsec.into()),
        }
    }
}

/// The files below one directory.
#[derive(Debug)]
pub struct Source {
    top: OwnedFd,
    owner: Owner,
    pace: RefCell<Pace>,
}

impl Source {
    /// The files below `root`, read at `pace`.
    pub fn open(root: &Path, pace: Pace) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let top = rustix::fs::open(root, flags, Mode::empty())?;
        let mine = fstat(&top)?;
        let unpacked = root != Path::new("/") && mine.st_uid != 0;
        let owner =
            if unpacked { Owner { uid: mine.st_uid, gid: mine.st_gid } } else { Owner { uid: 0, gid: 0 } };
        Ok(Self { top, owner, pace: RefCell::new(pace) })
    }

    /// Bytes read so far.
    pub fn bytes_read(&self) -> u64 {
        self.pace.borrow().bytes()
    }

    /// Says where the scan is, for whoever shows its progress.
    pub(super) fn at(&self, path: &str) {
        self.pace.borrow_mut().at(path);
    }

    /// What is at `path`, links followed.
    pub fn stat(&self, path: &str) -> Result<Meta, Unread> {
        let fd = self.resolve(path, OFlags::PATH)?;
        fstat(&fd).map(|stat| self.owner.meta(&stat)).map_err(|e| Unread::of(path, e))
    }

    /// What is at `path` itself, be it a link.
    pub fn lstat(&self, path: &str) -> Result<Meta, Unread> {
        let fd = self.resolve(path, OFlags::PATH | OFlags::NOFOLLOW)?;
        fstat(&fd).map(|stat| self.owner.meta(&stat)).map_err(|e| Unread::of(path, e))
    }

    /// Where the link at `path` points, as it says.
    pub fn link(&self, path: &str) -> Result<Vec<u8>, Unread> {
        let fd = self.resolve(path, OFlags::PATH | OFlags::NOFOLLOW)?;
        // Of what is no link the kernel would say that it does not exist.
        let meta = fstat(&fd).map(|stat| self.owner.meta(&stat)).map_err(|e| Unread::of(path, e))?;
        if meta.kind != Type::Link {
            return Err(Unread::odd(path, "is not a link"));
        }
        readlinkat(&fd, c"", Vec::new()).map(CString::into_bytes).map_err(|e| Unread::of(path, e))
    }

    /// A regular file, whole. Longer than [`MAX_FILE_BYTES`] is as good as unreadable.
    pub fn bytes(&self, path: &str) -> Result<Vec<u8>, Unread> {
        let file = self.file(path)?;
        let mut bytes = Vec::new();
        let read = file.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes);
        self.pace.borrow_mut().spend(bytes.len());
        match read {
            Ok(_) if bytes.len() > MAX_FILE_BYTES => Err(Unread::odd(path, "is too long")),
            Ok(_) => Ok(bytes),
            Err(error) => Err(Unread::io(path, &error)),
        }
    }

    /// A regular file's text; bytes that are not UTF-8 become replacement characters.
    pub fn text(&self, path: &str) -> Result<String, Unread> {
        let text = self.bytes(path).map(String::from_utf8);
        text.map(|text| text.unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
    }

    /// A regular file piece by piece, however long it is.
    pub fn stream(&self, path: &str, each: impl FnMut(&[u8])) -> Result<u64, Unread> {
        let file = self.file(path)?;
        self.drain(file, each).map_err(|e| Unread::io(path, &e))
    }

    /// A text file line by line, however long it is. Of a line longer than 64 KiB the first so
    /// many bytes are given.
    pub fn each_line(&self, path: &str, mut each: impl FnMut(&str)) -> Result<(), Unread> {
        let mut rest: Vec<u8> = Vec::new();
        self.stream(path, |bytes| {
            for part in bytes.split_inclusive(|byte| *byte == b'\n') {
                let room = MAX_LINE_BYTES.saturating_sub(rest.len());
                rest.extend_from_slice(part.get(..room.min(part.len())).unwrap_or_default());
                if part.ends_with(b"\n") {
                    each(String::from_utf8_lossy(&rest).trim_end_matches('\n'));
                    rest.clear();
                }
            }
        })?;
        if !rest.is_empty() {
            each(&String::from_utf8_lossy(&rest));
        }
        Ok(())
    }

    /// The members of a directory, sorted by name.
    pub fn list(&self, path: &str) -> Result<Vec<String>, Unread> {
        Ok(self
            .dir(path)?
            .names()
            .map_err(|e| e.at(path))?
            .iter()
            .map(|n| super::text::of_bytes(n.to_bytes()))
            .collect())
    }

    /// A directory whose members are then found without resolving its path again.
    pub fn dir(&self, path: &str) -> Result<Folder, Unread> {
        self.resolve(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK)
            .map(|fd| Folder { fd, owner: self.owner })
    }

    /// Reads what is open, piece by piece.
    pub(super) fn drain(&self, mut file: File, mut each: impl FnMut(&[u8])) -> io::Result<u64> {
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut total = 0;
        loop {
            let read = match file.read(&mut buffer) {
                Ok(0) => return Ok(total),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            each(buffer.get(..read).unwrap_or_default());
            total += read as u64;
            self.pace.borrow_mut().spend(read);
        }
    }

    /// A regular file, open for reading.
    fn file(&self, path: &str) -> Result<File, Unread> {
        if self.stat(path)?.kind != Type::File {
            return Err(Unread::odd(path, "is not a regular file"));
        }
        self.resolve(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY).map(File::from)
    }

    fn resolve(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Unread> {
        let bytes = super::text::to_bytes(path);
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let mut outcome = Err(Errno::AGAIN);
        for _ in 0..MAX_TRIES {
            outcome = openat2(&self.top, bytes.as_slice(), flags | OFlags::CLOEXEC, Mode::empty(), resolve);
            if !matches!(outcome, Err(Errno::AGAIN | Errno::INTR)) {
                break;
            }
        }
        outcome.map_err(|e| Unread::of(path, e))
    }
}

/// An open directory.
#[derive(Debug)]
pub struct Folder {
    fd: OwnedFd,
    owner: Owner,
}

impl Folder {
    /// The names of its members, sorted by their bytes.
    pub fn names(&self) -> Result<Vec<CString>, Unread> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.fd).map_err(|e| Unread::of("", e))? {
            let entry = entry.map_err(|e| Unread::of("", e))?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                names.push(entry.file_name().to_owned());
            }
            if names.len() > MAX_MEMBERS {
                return Err(Unread::odd("", "has too many members"));
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// What the directory itself is.
    pub fn meta(&self) -> Result<Meta, Errno> {
        fstat(&self.fd).map(|stat| self.owner.meta(&stat))
    }

    /// What a member is, be it a link.
    pub fn stat(&self, name: &CStr) -> Result<Meta, Errno> {
        statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| self.owner.meta(&stat))
    }

    /// Where a member that is a link points.
    pub fn link(&self, name: &CStr) -> Result<Vec<u8>, Errno> {
        readlinkat(&self.fd, name, Vec::new()).map(CString::into_bytes)
    }

    /// A member that is a directory.
    pub fn dir(&self, name: &CStr) -> Result<Self, Errno> {
        let flags =
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        openat(&self.fd, name, flags, Mode::empty()).map(|fd| Self { fd, owner: self.owner })
    }

    /// A member that is a regular file.
    pub fn file(&self, name: &CStr) -> Result<File, Errno> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        openat(&self.fd, name, flags, Mode::empty()).map(File::from)
    }

    /// Names and values of the directory's own extended attributes.
    pub fn attributes(&self) -> Result<Vec<super::attributes::Attribute>, Errno> {
        super::attributes::of(self.fd.as_fd())
    }

    /// Whether a member has file capabilities: opened by name through `/proc`, as only an open file or a path
    /// can be asked.
    pub fn has_capabilities(&self, name: &CStr) -> Result<bool, Errno> {
        super::attributes::has_capabilities(self.fd.as_fd(), name)
    }
}
