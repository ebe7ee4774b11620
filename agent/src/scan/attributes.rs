//! Extended attributes: capabilities, access lists, labels.

use rustix::fs::{fgetxattr, flistxattr, flistxattr_query, getxattr, lgetxattr};
use rustix::io::Errno;
use std::ffi::CStr;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// Longest list of names and longest value that Linux has (`XATTR_LIST_MAX`, `XATTR_SIZE_MAX`).
const MAX_BYTES: usize = 65_536;

/// Longest value that is asked for by itself: capabilities, or an access list of a hundred names.
const MAX_VALUE_BYTES: usize = 1024;

/// Name and value of an extended attribute.
pub type Attribute = (Vec<u8>, Vec<u8>);

/// Names and values of what is open, sorted by name.
pub(super) fn of(fd: BorrowedFd<'_>) -> Result<Vec<Attribute>, Errno> {
    match flistxattr_query(fd) {
        Ok(0) | Err(Errno::NOTSUP) => return Ok(Vec::new()),
        Ok(_) => {}
        Err(error) => return Err(error),
    }
    let mut buffer = Vec::with_capacity(MAX_BYTES);
    flistxattr(fd, rustix::buffer::spare_capacity(&mut buffer))?;
    let mut attributes = Vec::new();
    for name in buffer.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = Vec::with_capacity(MAX_BYTES);
        match fgetxattr(fd, name, rustix::buffer::spare_capacity(&mut value)) {
            Ok(_) => attributes.push((name.to_vec(), value)),
            // Gone since it was listed.
            Err(Errno::NODATA) => {}
            Err(error) => return Err(error),
        }
    }
    attributes.sort_unstable();
    Ok(attributes)
}

/// An attribute of a member of an open directory; `None` if it has none, or its file system has no such thing.
pub(super) fn of_member(
    folder: BorrowedFd<'_>,
    name: &CStr,
    attribute: &CStr,
) -> Result<Option<Vec<u8>>, Errno> {
    let mut path = format!("/proc/self/fd/{}/", folder.as_raw_fd()).into_bytes();
    path.extend_from_slice(name.to_bytes());
    value(lgetxattr_into(path, attribute))
}

/// An attribute of what is open, be it as a path only.
pub(super) fn of_open(fd: BorrowedFd<'_>, attribute: &CStr) -> Result<Option<Vec<u8>>, Errno> {
    let mut bytes = [0_u8; MAX_VALUE_BYTES];
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    value(
        getxattr(path, attribute, &mut bytes[..]).map(|length| bytes.iter().take(length).copied().collect()),
    )
}

fn lgetxattr_into(path: Vec<u8>, attribute: &CStr) -> Result<Vec<u8>, Errno> {
    let mut bytes = [0_u8; MAX_VALUE_BYTES];
    lgetxattr(path, attribute, &mut bytes[..]).map(|length| bytes.iter().take(length).copied().collect())
}

fn value(read: Result<Vec<u8>, Errno>) -> Result<Option<Vec<u8>>, Errno> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(Errno::NODATA | Errno::NOTSUP) => Ok(None),
        // Longer than any that is known: its beginning would say nothing.
        Err(Errno::RANGE) => Ok(Some(Vec::new())),
        Err(error) => Err(error),
    }
}
