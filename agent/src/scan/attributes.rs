//! Extended attributes: capabilities, access lists, labels.

use rustix::fs::{fgetxattr, flistxattr, flistxattr_query, lgetxattr};
use rustix::io::Errno;
use std::ffi::CStr;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// Longest list of names and longest value that Linux has (`XATTR_LIST_MAX`, `XATTR_SIZE_MAX`).
const MAX_BYTES: usize = 65_536;

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

/// Whether a member of an open directory has file capabilities.
pub(super) fn has_capabilities(folder: BorrowedFd<'_>, name: &CStr) -> Result<bool, Errno> {
    let mut path = format!("/proc/self/fd/{}/", folder.as_raw_fd()).into_bytes();
    path.extend_from_slice(name.to_bytes());
    let mut value = [0_u8; 64];
    match lgetxattr(path, c"security.capability", &mut value[..]) {
        Ok(length) => Ok(length > 0),
        Err(Errno::NODATA | Errno::NOTSUP) => Ok(false),
        Err(Errno::RANGE) => Ok(true),
        Err(error) => Err(error),
    }
}
