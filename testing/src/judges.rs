//! What the scan and the tools that judge it look at: cases as somebody writes them down, and a root with their files.

pub mod case;
pub mod place;
