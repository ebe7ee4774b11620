//! The web console's files, built from the sources beside this file and carried in the executable.
//!
//! They ask for nothing but the public HTTP API and themselves. Who serves them, and under which headers, is not
//! decided here. A build without npm has none of them ([`page`] is `None`).

/// One file of the console.
#[derive(Debug, Clone, Copy)]
pub struct File {
    /// Where it lies below the console, without a slash in front.
    pub path: &'static str,
    /// What is in it.
    pub bytes: &'static [u8],
    /// The same in the form of gzip (RFC 1952).
    pub gzip: &'static [u8],
}

static FILES: &[File] = &include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The one document; every page of the console is this one, which looks at its own address.
const DOCUMENT: &str = "index.html";

impl File {
    /// Its media type (RFC 9110, section 8.3.1).
    pub fn media_type(&self) -> &'static str {
        match self.path.rsplit_once('.').map(|(_, extension)| extension) {
            Some("css") => "text/css; charset=utf-8",
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("woff2") => "font/woff2",
            _ => "application/octet-stream",
        }
    }

    /// Whether its path has the hash of what is in it, so that it never changes under this path.
    pub fn is_forever(&self) -> bool {
        self.path.starts_with("assets/")
    }
}

/// The file with a path below the console; the document is none of them, see [`page`].
pub fn file(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path && file.path != DOCUMENT)
}

/// The document for a page whose address has `folders` folders below the console's own, or, with `None`, is that of the
/// console without a slash at its end. `None` where the console was not built.
///
/// Its base is relative, so the console works wherever a proxy puts the service.
pub fn page(folders: Option<usize>) -> Option<String> {
    let document = FILES.iter().find(|file| file.path == DOCUMENT)?;
    let base = match folders {
        None => "console/".to_owned(),
        Some(0) => "./".to_owned(),
        Some(folders) => "../".repeat(folders),
    };
    let text = String::from_utf8_lossy(document.bytes);
    Some(text.replacen("<head>", &format!("<head><base href=\"{base}\">"), 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_document_finds_its_files_from_every_page() {
        let Some(page) = page(Some(2)) else {
            assert!(FILES.is_empty(), "files without a document");
            return;
        };
        assert!(page.contains("<base href=\"../../\">"), "{page}");
        let named: Vec<&str> = page.split("\"./").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(!named.is_empty(), "{page}");
        for name in named {
            let file = file(name).unwrap_or_else(|| panic!("{name} is named and not there"));
            assert!(!file.bytes.is_empty() && !file.gzip.is_empty());
        }
        assert!(file(DOCUMENT).is_none());
    }

    /// The names that follow `before` in a text, up to the next quotation mark.
    fn named<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
        text.split(before).skip(1).filter_map(|rest| rest.split('"').next())
    }

    #[test]
    fn a_first_load_stays_small() {
        // What the document names, and what that imports in turn; pages and workers come when they are gone to.
        let Some(page) = page(Some(0)) else { return };
        let mut waiting: Vec<String> = named(&page, "\"./").map(str::to_owned).collect();
        let (mut seen, mut compressed) = (BTreeSet::new(), 0);
        while let Some(name) = waiting.pop() {
            let Some(file) = file(&name).filter(|_| seen.insert(name)) else { continue };
            compressed += file.gzip.len();
            let text = String::from_utf8_lossy(file.bytes);
            let imports = ["from\"./", "import\"./"].into_iter().flat_map(|before| named(&text, before));
            waiting.extend(imports.map(|name| format!("assets/{name}")));
        }
        assert!(seen.len() > 2, "{seen:?}");
        assert!(compressed <= 300 * 1024, "{compressed} bytes of {seen:?}");
    }

    #[test]
    fn all_of_it_stays_small() {
        let compressed: usize = FILES.iter().map(|file| file.gzip.len()).sum();
        assert!(compressed <= 360 * 1024, "{compressed} bytes");
    }
}
