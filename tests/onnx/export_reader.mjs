// Reads an export of Caravan: its manifest, its embedding files, and the graph's inputs for samples
// whose value ids are known. A server does the same; docs/serving.md tells the way there.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

// A typed array over a whole file, aligned whatever Buffer it came in.
export function readArray(Type, path) {
  const bytes = readFileSync(path);
  return new Type(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

// docs/formats/embeddings.md
export function readEmbeddings(path) {
  const bytes = readArray(Uint8Array, path).buffer;
  const view = new DataView(bytes);
  const magic = Buffer.from(bytes, 0, 8).toString('latin1');
  if (magic !== 'CARVROWS') throw new Error(`${path} is no embedding file`);
  if (view.getUint32(8, true) !== 1) throw new Error(`${path}: unknown version`);
  const width = view.getUint32(16, true);
  const count = Number(view.getBigUint64(24, true));
  const keysOffset = Number(view.getBigUint64(32, true));
  const rowsOffset = Number(view.getBigUint64(40, true));
  return {
    width,
    keys: new BigUint64Array(bytes, keysOffset, count),
    rows: new Float32Array(bytes, rowsOffset, count * width),
  };
}

// The row number of `key`, by binary search.
function findRow(table, key) {
  let low = 0;
  let high = table.keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (table.keys[middle] < key) low = middle + 1;
    else high = middle;
  }
  if (table.keys[low] !== key) throw new Error(`no row for key ${key}`);
  return low;
}

export class Export {
  constructor(directory) {
    this.manifest = JSON.parse(readFileSync(join(directory, 'manifest.json'), 'utf8'));
    if (this.manifest.format !== 'caravan.export' || this.manifest.version !== 1) {
      throw new Error(`${directory}: manifest.json is of another format`);
    }
    this.modelPath = join(directory, this.manifest.model.file);
    this.tables = new Map();
    for (const table of this.manifest.tables) {
      if (table.file) this.tables.set(table.name, readEmbeddings(join(directory, table.file)));
    }
  }

  // Rows [n, width] or [n, T, width] for a field's value ids.
  rows(field, ids) {
    const table = this.tables.get(field.table);
    const rows = new Float32Array(ids.length * table.width);
    for (let i = 0; i < ids.length; ++i) {
      if (ids[i] >= field.values) throw new Error(`${field.name} has no value id ${ids[i]}`);
      const row = findRow(table, BigInt(field.first_key) + BigInt(ids[i]));
      rows.set(table.rows.subarray(row * table.width, (row + 1) * table.width), i * table.width);
    }
    return rows;
  }

  // What to feed for `batch` samples: ids by field name, dense features standardised.
  feeds(ort, batch, idsByField, dense) {
    const feeds = {};
    const tensor = (input, values) => {
      const shape = input.shape.map((extent) => (extent === 'batch' ? batch : extent));
      feeds[input.name] = new ort.Tensor(input.type, values, shape);
    };
    for (const field of this.manifest.fields) {
      if (!field.input) continue;
      const ids = idsByField[field.name];
      if (field.input.holds === 'rows') tensor(field.input, this.rows(field, ids));
      else tensor(field.input, BigInt64Array.from(ids, BigInt));
    }
    if (this.manifest.dense.input) tensor(this.manifest.dense.input, dense);
    return feeds;
  }
}
