//! Lists, cards and lines for people, and the forms for machines: the one way in which answers are written.

use super::cell::{Cell, Look, SHORT};
use std::collections::BTreeSet;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// A column of a table, or a line of a card: a name, and what of a row stands there.
pub(crate) struct Column<T: 'static> {
    name: &'static str,
    /// Whether it is only there where there is room.
    wide: bool,
    cell: fn(&T) -> Cell,
}

/// A column that is always there.
pub(crate) const fn column<T>(name: &'static str, cell: fn(&T) -> Cell) -> Column<T> {
    Column { name, wide: false, cell }
}

/// A column where there is room.
pub(crate) const fn wide<T>(name: &'static str, cell: fn(&T) -> Cell) -> Column<T> {
    Column { name, wide: true, cell }
}

/// A table over rows of one type.
pub(crate) struct Table<T: 'static> {
    /// Its columns, from left to right.
    pub(crate) columns: &'static [Column<T>],
    /// What is said where there are no rows: what would fill it.
    pub(crate) nothing: &'static str,
}

impl<T> Table<T> {
    /// The table as text.
    pub(crate) fn text(&self, rows: &[T], look: &Look) -> String {
        if rows.is_empty() {
            return format!("{}\n", self.nothing);
        }
        let columns = self.columns.iter().filter(|column| look.wide || !column.wide);
        let columns: Vec<Vec<String>> = columns.map(|column| filled(column, rows, look)).collect();
        let text = lines(&columns);
        look.width.map_or_else(|| text.clone(), |width| cut(&text, width))
    }

    /// Rows as they come, whose widths nobody knows: each on a line, without a head.
    pub(crate) fn lines(&self, rows: &[T], look: &Look) -> String {
        let line = |row: &T| {
            let columns = self.columns.iter().filter(|column| !column.wide);
            let cells: Vec<String> = columns.map(|column| (column.cell)(row).show(look, SHORT)).collect();
            format!("{}\n", cells.join("  ").trim_end())
        };
        rows.iter().map(line).collect()
    }
}

/// A column's head, and under it what it says of each row.
fn filled<T>(column: &Column<T>, rows: &[T], look: &Look) -> Vec<String> {
    let cells: Vec<Cell> = rows.iter().map(column.cell).collect();
    let id = tells_apart(&cells);
    let shown = cells.iter().map(|cell| cell.show(look, id));
    std::iter::once(column.name.to_owned()).chain(shown).collect()
}

/// How much of the ids of a column is enough to tell them apart.
fn tells_apart(cells: &[Cell]) -> usize {
    let id = |cell: &Cell| match cell {
        Cell::Id(id) => Some(id.clone()),
        Cell::Node(id) => Some(id.to_string()),
        _ => None,
    };
    let ids: BTreeSet<String> = cells.iter().filter_map(id).collect();
    // In their order, neighbours have the most in common.
    let common = |(a, b): (&String, &String)| a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let longest = ids.iter().zip(ids.iter().skip(1)).map(common).max().unwrap_or_default();
    SHORT.max(longest + 1)
}

/// The lines of a text, none wider than this: what a terminal breaks is no table any more.
fn cut(text: &str, width: usize) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        if line.width() <= width {
            out.push_str(line);
        } else {
            let mut used = 1;
            let fits = |c: &char| {
                used += c.width().unwrap_or_default();
                used <= width
            };
            out.extend(line.chars().take_while(fits));
            out.push('…');
        }
        out.push('\n');
    }
    out
}

/// Columns side by side; the last takes what is left.
fn lines(columns: &[Vec<String>]) -> String {
    let widths: Vec<usize> = columns
        .iter()
        .map(|column| column.iter().map(|cell| cell.width()).max().unwrap_or_default())
        .collect();
    let count = columns.first().map_or(0, Vec::len);
    let mut out = String::new();
    for line in 0..count {
        for (column, width) in columns.iter().zip(&widths) {
            let cell = column.get(line).map_or("", String::as_str);
            out.push_str(cell);
            out.extend(std::iter::repeat_n(' ', width + 2 - cell.width().min(*width)));
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out
}

/// What there is to say of one thing, a line each; what is nothing is left out.
pub(crate) struct Card<T: 'static>(pub(crate) &'static [Column<T>]);

impl<T> Card<T> {
    /// The card as text.
    pub(crate) fn text(&self, row: &T, look: &Look) -> String {
        let (whole, brief) = (Look { wide: true, ..look.clone() }, Look { wide: false, ..look.clone() });
        let columns = self.0.iter().filter(|column| look.wide || !column.wide);
        let said = columns.filter_map(|column| match (column.cell)(row) {
            Cell::Nothing => None,
            cell @ Cell::Time(_) => {
                let both = format!("{} ({})", cell.show(&whole, SHORT), cell.show(&brief, SHORT));
                Some((column.name.to_owned(), both))
            }
            // A card is what ids are copied from.
            cell => Some((column.name.to_owned(), cell.show(&whole, SHORT))),
        });
        let (names, values): (Vec<String>, Vec<String>) = said.filter(|(_, value)| !value.is_empty()).unzip();
        lines(&[names, values])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spec::{Hash, Timestamp, Uuid};
    use std::sync::Arc;

    fn look() -> Look {
        Look { now: Timestamp::MAX, wide: false, width: None, names: Arc::default() }
    }

    #[test]
    fn ids_are_as_long_as_tells_them_apart() {
        const TABLE: Table<Hash> = Table { columns: &[column("id", |hash| Cell::from(*hash))], nothing: "" };
        let (one, mut two) = (Hash([7; 32]), Hash([7; 32]));
        assert_eq!(TABLE.text(&[one, one], &look()), "id\n07070707\n07070707\n");
        two.0[5] = 8;
        assert_eq!(TABLE.text(&[one, two], &look()), "id\n070707070707\n070707070708\n");
    }

    #[test]
    fn nodes_have_names() {
        const TABLE: Table<Uuid> = Table { columns: &[column("node", |id| Cell::node(*id))], nothing: "" };
        const CARD: Card<Uuid> = Card(&[column("node", |id| Cell::node(*id))]);
        let (one, two) = (Uuid::v4([7; 16]), Uuid::v4([9; 16]));
        let names = [(one, "web-1".to_owned()), (two, String::new())].into_iter().collect();
        let look = Look { names: Arc::new(names), ..look() };
        assert_eq!(TABLE.text(&[one, two], &look), "node\nweb-1\n09090909\n");
        assert_eq!(CARD.text(&one, &look), "node  web-1 (07070707-0707-4707-8707-070707070707)\n");
    }

    #[test]
    fn no_cell_reaches_a_terminal_raw() {
        const TABLE: Table<&str> = Table {
            columns: &[column("name", |name: &&str| Cell::from(*name)), column("next", |_| Cell::from("x"))],
            nothing: "",
        };
        const CARD: Card<&str> = Card(&[column("name", |name: &&str| Cell::from(*name))]);
        let bad = "a\u{1b}[31m\u{202e}\u{200b}\nb";
        let shown = "a\\u{1b}[31m\\u{202e}\\u{200b}\\nb";
        assert_eq!(
            TABLE.text(&[bad], &look()),
            format!("name{}next\n{shown}  x\n", " ".repeat(shown.len() - 2))
        );
        assert_eq!(CARD.text(&bad, &look()), format!("name  {shown}\n"));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        const TABLE: Table<&str> = Table {
            columns: &[column("name", |name: &&str| Cell::from(*name)), column("x", |_| Cell::from("x"))],
            nothing: "",
        };
        let look = Look { width: Some(8), ..look() };
        assert_eq!(TABLE.text(&["a", "東京東京東京"], &look), "name   …\na      …\n東京東…\n");
    }

    #[test]
    fn wide_characters_take_the_room_they_take() {
        const TABLE: Table<&str> = Table {
            columns: &[column("name", |name: &&str| Cell::from(*name)), column("x", |_| Cell::from("x"))],
            nothing: "",
        };
        assert_eq!(TABLE.text(&["東京", "abcdef"], &look()), "name    x\n東京    x\nabcdef  x\n");
    }
}
