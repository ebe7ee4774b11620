// The columns of a Parquet file by the library hyparquet. The file may have been made by anybody: pages are taken one by
// one, within limits that do not come from the file.

import { decompress } from "fzstd";
import { parquetMetadata, parquetSchema, type ColumnMetaData, type FileMetaData, type SchemaTree } from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";
import { convert, convertWithDictionary, DEFAULT_PARSERS } from "hyparquet/src/convert.js";
import { readDataPage } from "hyparquet/src/datapage.js";
import { deltaBinaryUnpack } from "hyparquet/src/delta.js";
import { readRleBitPackedHybrid } from "hyparquet/src/encoding.js";
import { readPlain } from "hyparquet/src/plain.js";
import { NotCanonical } from "./canonical.js";
import { BadForm } from "./form.js";
import { Cursor, Damaged, walkDeltas, walkRuns, walkStruct } from "./guard.js";

/** What a cell holds: a text, a number, a word, bytes, or nothing. */
export type Cell = string | bigint | boolean | Uint8Array | undefined;

type Decoder = Parameters<typeof convert>[1];
type PageHeader = ReturnType<typeof parquetHeader>;
type DataHeader = NonNullable<PageHeader["data_page_header"]>;

/** Nothing in front of a text is a mark, and what is no UTF-8 is refused. */
const TEXT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Values as they lie there: times are numbers, UUIDs bytes. */
const PARSERS = {
  ...DEFAULT_PARSERS,
  timestampFromMilliseconds: (millis: unknown) => millis as Date,
  stringFromBytes: (bytes: Uint8Array) => TEXT.decode(bytes),
  uuidFromBytes: (bytes: Uint8Array) => bytes as unknown as string,
};

/** The library stops with errors of all sorts where bytes are not what they should be, and leaves out what is not there. */
export function within<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof Damaged || error instanceof BadForm || error instanceof NotCanonical) throw error;
    throw new Damaged(`${what}: ${(error as Error).message}`);
  }
}

/** The footer; `bytes` go from its first byte to the end of the file. */
export function readFooter(bytes: Uint8Array): { meta: FileMetaData; tree: SchemaTree } {
  walkStruct(new Cursor(bytes, 0, bytes.length - 8));
  return within("the footer", () => {
    const meta = parquetMetadata(bytes, { geoparquet: false });
    const [root, ...columns] = meta.schema;
    if (root?.num_children !== columns.length || columns.some(({ num_children }) => num_children !== undefined)) throw new Damaged("its columns are not flat");
    return { meta, tree: parquetSchema(meta) };
  });
}

/** How many bytes pages may have together, once they are decompressed. */
export class Budget {
  constructor(private left: number) {}

  take(bytes: number): void {
    if (!(bytes >= 0 && bytes <= this.left)) throw new Damaged("it holds more than a segment may");
    this.left -= bytes;
  }
}

/** One column of a row group. */
export class Column {
  private readonly decoder: Decoder;
  private readonly isOptional: boolean;
  private readonly codec: string;
  private dictionary: ReturnType<typeof convert> | undefined;
  private readonly cells: Cell[] = [];

  constructor(private readonly rows: number, { codec, path_in_schema: path }: ColumnMetaData, tree: SchemaTree, private readonly budget: Budget) {
    const found = tree.children.find(({ element }) => element.name === path[0]);
    if (found?.element.type === undefined || path.length !== 1) throw new Damaged("a column that the schema has not");
    if (codec !== "ZSTD" && codec !== "UNCOMPRESSED") throw new Damaged(`pages compressed by ${codec}`);
    this.codec = codec;
    this.isOptional = found.element.repetition_type === "OPTIONAL";
    // Levels are read here, so to the library every value is there.
    const element = { ...found.element, repetition_type: "REQUIRED" as const };
    this.decoder = { pathInSchema: path, type: found.element.type, element, schemaPath: [tree, { ...found, element }], codec, parsers: PARSERS };
  }

  /** The cells, out of the bytes of the column's pages. */
  read(pages: Uint8Array): Cell[] {
    const cursor = new Cursor(pages);
    while (this.cells.length < this.rows) {
      const from = cursor.at;
      walkStruct(cursor);
      const header = within("the header of a page", () => parquetHeader({ view: viewOf(pages.subarray(from, cursor.at)), offset: 0 }));
      const start = cursor.at;
      cursor.skip(header.compressed_page_size);
      this.page(header, pages.subarray(start, cursor.at));
    }
    return this.cells;
  }

  private page(header: PageHeader, bytes: Uint8Array): void {
    const { data_page_header: first, data_page_header_v2: second, dictionary_page_header: words } = header;
    const size = header.uncompressed_page_size;
    if (header.type === "DICTIONARY_PAGE" && words !== undefined) return this.words(words.num_values, this.opened(bytes, size));
    if (header.type === "DATA_PAGE" && first !== undefined) {
      const page = this.opened(bytes, size);
      const cursor = new Cursor(page);
      const length = this.isOptional ? cursor.uint32() : 0;
      const from = cursor.at;
      cursor.skip(length);
      return this.values(first, page.subarray(from, cursor.at), page.slice(cursor.at));
    }
    if (header.type === "DATA_PAGE_V2" && second !== undefined) {
      const { definition_levels_byte_length: length, repetition_levels_byte_length: none } = second;
      if (none !== 0 || !(length >= 0 && length <= bytes.length && length <= size)) throw new Damaged("levels of no such length");
      const rest = bytes.subarray(length);
      const values = second.is_compressed === false || size === length ? this.copied(rest) : this.opened(rest, size - length);
      return this.values({ ...second, definition_level_encoding: "RLE", repetition_level_encoding: "RLE" }, bytes.subarray(0, length), values);
    }
    throw new Damaged("a page of another kind");
  }

  /** What is in a page, in a buffer of its own: nothing beside it can be taken for part of it. */
  private opened(bytes: Uint8Array, size: number): Uint8Array {
    if (this.codec === "UNCOMPRESSED") return this.copied(bytes);
    this.budget.take(size);
    const page = new Uint8Array(size);
    // What would lie behind the end of the page is lost, and its length is another one then.
    const said = within("a page", () => decompress(bytes, page));
    if (said.length !== size) throw new Damaged("a page of another size");
    return page;
  }

  private copied(bytes: Uint8Array): Uint8Array {
    this.budget.take(bytes.length);
    return bytes.slice();
  }

  /** The values that the pages after this one name by their number. */
  private words(count: number, page: Uint8Array): void {
    if (!(count >= 0 && count <= this.rows)) throw new Damaged("more words than rows");
    this.dictionary = within("a dictionary", () => convert(readPlain({ view: viewOf(page), offset: 0 }, this.decoder.type, count, this.decoder.element.type_length), this.decoder));
  }

  private values(about: DataHeader, levels: Uint8Array, page: Uint8Array): void {
    const count = about.num_values;
    if (!(count > 0 && count <= this.rows - this.cells.length)) throw new Damaged("a page of more values than rows");
    const isThere = new Array<number>(count).fill(1);
    if (this.isOptional) {
      walkRuns(new Cursor(levels), 1, count);
      within("levels", () => readRleBitPackedHybrid({ view: viewOf(levels), offset: 0 }, 1, isThere, levels.length));
    }
    const there = isThere.filter((level) => level === 1).length;
    const values = there === 0 ? [] : this.decoded({ ...about, num_values: there }, page);
    let next = 0;
    for (const level of isThere) this.cells.push(level === 1 ? (values[next++] as Cell) : undefined);
  }

  private decoded(about: DataHeader, page: Uint8Array): ArrayLike<unknown> {
    const { encoding, num_values: count } = about;
    const isNamed = encoding === "RLE_DICTIONARY" || encoding === "PLAIN_DICTIONARY";
    if (isNamed && this.dictionary === undefined) throw new Damaged("a page without the dictionary that it names");
    this.guard(encoding, count, page);
    return within("values", () => convertWithDictionary(readDataPage(page, about, this.decoder).dataPage, isNamed ? this.dictionary : undefined, encoding, this.decoder));
  }

  /** Walks through what the library would believe. */
  private guard(encoding: string, count: number, page: Uint8Array): void {
    const cursor = new Cursor(page);
    switch (encoding) {
      case "PLAIN":
        return;
      case "RLE": {
        const length = cursor.uint32();
        if (this.decoder.type !== "BOOLEAN" || length > page.length - 4) throw new Damaged("runs of no such length");
        return walkRuns(cursor, 1, count);
      }
      case "PLAIN_DICTIONARY": case "RLE_DICTIONARY": {
        const width = cursor.byte();
        return width === 0 ? undefined : walkRuns(cursor, width, count);
      }
      case "BYTE_STREAM_SPLIT":
        return cursor.skip(count * (this.decoder.element.type_length ?? 8));
      case "DELTA_BINARY_PACKED": case "DELTA_LENGTH_BYTE_ARRAY":
        return walkDeltas(cursor, count);
      case "DELTA_BYTE_ARRAY": {
        const [shared, own] = [lengths(cursor, count), lengths(cursor, count)];
        let before = 0;
        for (let n = 0; n < count; n++) {
          const [from, more] = [shared[n] as number, own[n] as number];
          if (from < 0 || from > before || more < 0) throw new Damaged("a text that begins with more than the one before");
          before = from + more;
          this.budget.take(before);
        }
        return;
      }
      default:
        throw new Damaged(`values in the encoding ${encoding}`);
    }
  }
}

/** Lengths of texts, which stand in front of them. */
function lengths(cursor: Cursor, count: number): Int32Array {
  const from = cursor.at;
  walkDeltas(cursor, count);
  const read = new Int32Array(count);
  within("lengths", () => deltaBinaryUnpack({ view: viewOf(cursor.bytes), offset: from }, count, read));
  return read;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
