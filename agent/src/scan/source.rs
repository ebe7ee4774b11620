//! A system's files as a scan reads them: below one directory, bounded, counted, and no faster than agreed.
//!
//! Paths are resolved by the kernel as after `chroot` (`openat2` with `RESOLVE_IN_ROOT`): a symbolic link,
//! absolute or full of `..`, leads nowhere outside. Nothing but regular files is ever opened for reading, so
//! a pipe cannot block a scan and a device notices nothing.

use super::pace::Pace;
use super::unread::Unread;
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RawDir, ResolveFlags, SeekFrom, Stat, fstat, openat, openat2,
    readlinkat, seek, statat,
};
use rustix::io::Errno;
use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::Path;

/// Longest file that is read whole, in bytes: configuration is far shorter.
pub const MAX_FILE_BYTES: usize = 4 * 1024 * 1024;

/// Most members of a directory that are listed.
pub const MAX_MEMBERS: usize = 262_144;

/// Longest line that is given whole, in bytes.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// Times an open is tried again after a rename somewhere made the kernel unsure of `..`.
const MAX_TRIES: usize = 8;

/// Room for names that are read at once from a directory, in bytes.
const MEMBERS_BYTES: usize = 16 * 1024;

/// Bytes read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// The type of a file.
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

/// The file system's statements about a file.
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
    /// Bytes that it takes up on its device: fewer than it is long if it has holes.
    pub allocated: u64,
    /// The device it lies on.
    pub dev: u64,
    /// The device it is, if it is one.
    pub rdev: u64,
    /// Its number on that device.
    pub ino: u64,
    /// The most that a named user or group of its access list may do, as bits of a mode. Only known of what was asked
    /// for by its path; a mode without rights of the group leaves them none.
    pub named: u16,
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

    /// Whether an access list could let somebody in whom the mode does not: its names have the rights of the group at
    /// most.
    fn may_have_list(&self) -> bool {
        let more = self.mode >> 3 & !self.mode & 0o5;
        matches!(self.kind, Type::File | Type::Directory) && (self.mode & 0o020 != 0 || more != 0)
    }

    /// Whether only root decides what it holds: owned by root, and nobody else may write, be it by an access list.
    pub fn only_root_writes(&self) -> bool {
        self.uid == 0
            && !self.world_writable()
            && (self.mode & 0o020 == 0 || self.gid == 0)
            && self.named & 0o2 == 0
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
            allocated: u64::try_from(stat.st_blocks).unwrap_or_default().saturating_mul(512),
            dev: stat.st_dev,
            rdev: stat.st_rdev,
            ino: stat.st_ino,
            named: 0,
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
        self.meta(path, &self.resolve(path, OFlags::PATH)?)
    }

    /// What is at `path` itself, be it a link.
    pub fn lstat(&self, path: &str) -> Result<Meta, Unread> {
        self.meta(path, &self.resolve(path, OFlags::PATH | OFlags::NOFOLLOW)?)
    }

    fn meta(&self, path: &str, fd: &OwnedFd) -> Result<Meta, Unread> {
        let mut meta = fstat(fd).map(|stat| self.owner.meta(&stat)).map_err(|e| Unread::of(path, e))?;
        if meta.may_have_list() {
            // What cannot be asked has no list: file systems without them say so.
            let list = super::attributes::of_open(fd.as_fd(), c"system.posix_acl_access").ok().flatten();
            meta.named = list.map(|list| super::access::named_rights(&list)).unwrap_or_default();
        }
        Ok(meta)
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
        self.each_raw_line(path, |line| each(&String::from_utf8_lossy(line)))
    }

    /// The same with the bytes as they are, without the LF.
    pub fn each_raw_line(&self, path: &str, mut each: impl FnMut(&[u8])) -> Result<(), Unread> {
        let mut rest: Vec<u8> = Vec::new();
        self.stream(path, |bytes| {
            for part in bytes.split_inclusive(|byte| *byte == b'\n') {
                let (line, whole) = part.strip_suffix(b"\n").map_or((part, false), |line| (line, true));
                if whole && rest.is_empty() && line.len() <= MAX_LINE_BYTES {
                    each(line);
                    continue;
                }
                let room = MAX_LINE_BYTES.saturating_sub(rest.len());
                rest.extend_from_slice(line.get(..room.min(line.len())).unwrap_or_default());
                if whole {
                    each(&rest);
                    rest.clear();
                }
            }
        })?;
        if !rest.is_empty() {
            each(&rest);
        }
        Ok(())
    }

    /// Where a path leads once all its links are followed, as a path below the root; `None` if it leads nowhere.
    pub fn real(&self, path: &str) -> Option<String> {
        let name = |fd: &OwnedFd| {
            readlinkat(rustix::fs::CWD, format!("/proc/self/fd/{}", fd.as_raw_fd()), Vec::new()).ok()
        };
        let (top, real) = (name(&self.top)?, name(&self.resolve(path, OFlags::PATH).ok()?)?);
        let below =
            real.as_bytes().strip_prefix(top.as_bytes().strip_suffix(b"/").unwrap_or(top.as_bytes()))?;
        below.starts_with(b"/").then(|| super::text::of_bytes(below))
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
    pub(super) fn drain(&self, mut file: impl io::Read, mut each: impl FnMut(&[u8])) -> io::Result<u64> {
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
        self.each(|name, _| {
            // One more than may be tells that there are too many.
            if names.len() <= MAX_MEMBERS {
                names.push(name.to_owned());
            }
        })
        .map_err(|e| Unread::of("", e))?;
        if names.len() > MAX_MEMBERS {
            return Err(Unread::odd("", "has too many members"));
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Each of its members and what it is, as far as the file system says so by itself, in whichever order they come
    /// and however many there are.
    pub(super) fn each(&self, mut each: impl FnMut(&CStr, Option<Type>)) -> Result<(), Errno> {
        seek(&self.fd, SeekFrom::Start(0))?;
        let mut buffer = Vec::with_capacity(MEMBERS_BYTES);
        let mut members = RawDir::new(&self.fd, buffer.spare_capacity_mut());
        while let Some(member) = members.next() {
            let member = member?;
            if matches!(member.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            let kind = match member.file_type() {
                FileType::RegularFile => Some(Type::File),
                FileType::Directory => Some(Type::Directory),
                FileType::Symlink => Some(Type::Link),
                FileType::Unknown => None,
                _ => Some(Type::Special),
            };
            each(member.file_name(), kind);
        }
        Ok(())
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

    /// The attribute that gives a member capabilities, if it has one: asked by name through `/proc`, as only an open
    /// file or a path can be.
    pub(super) fn capabilities(&self, name: &CStr) -> Result<Option<Vec<u8>>, Errno> {
        super::attributes::of_member(self.fd.as_fd(), name, c"security.capability")
    }

    /// The most that a named user or group of a member's access list may do with it, as bits of a mode.
    pub(super) fn named_rights(&self, name: &CStr) -> Result<u16, Errno> {
        let list = super::attributes::of_member(self.fd.as_fd(), name, c"system.posix_acl_access")?;
        Ok(list.map(|list| super::access::named_rights(&list)).unwrap_or_default())
    }
}
