// Runs exports in ONNX Runtime and compares with what Caravan predicts.
//   node compare.mjs FOLDER...                  each with an export, inputs.json and expected.f32
//   node compare.mjs --export=DIR --inputs=DIR --predictions=FILE.csv
// Exit code 0 when every prediction is within 1e-5 relative.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ort from 'onnxruntime-node';
import { Export, readArray } from './export_reader.mjs';

const RELATIVE = 1e-5;
const BATCH = 256;

// Sample i's values of a file that has `per` of them a sample.
function slice(values, first, count, per) {
  return values.slice(first * per, (first + count) * per);
}

function readInputs(directory) {
  const index = JSON.parse(readFileSync(join(directory, 'inputs.json'), 'utf8'));
  const ids = {};
  for (const [name, file] of Object.entries(index.fields)) {
    ids[name] = readArray(Uint32Array, join(directory, file));
  }
  const dense = readArray(Float32Array, join(directory, index.dense));
  const expected = index.expected ? readArray(Float32Array, join(directory, index.expected)) : null;
  return { samples: index.samples, ids, dense, expected };
}

// All predictions, [samples, tasks].
async function predict(folder, inputs) {
  const model = new Export(folder);
  const session = await ort.InferenceSession.create(model.modelPath, { logSeverityLevel: 3 });
  const tasks = model.manifest.tasks;
  const result = new Float32Array(inputs.samples * tasks.length);
  for (let first = 0; first < inputs.samples; first += BATCH) {
    const count = Math.min(BATCH, inputs.samples - first);
    const ids = {};
    for (const [name, values] of Object.entries(inputs.ids)) {
      ids[name] = slice(values, first, count, values.length / inputs.samples);
    }
    const dense = slice(inputs.dense, first, count, inputs.dense.length / inputs.samples);
    const outputs = await session.run(model.feeds(ort, count, ids, dense));
    tasks.forEach((task, t) => {
      const values = outputs[task.output.name].data;
      if (values.length !== count) throw new Error(`${task.name}: ${values.length} values`);
      for (let i = 0; i < count; ++i) result[(first + i) * tasks.length + t] = values[i];
    });
  }
  return { tasks: tasks.map((task) => task.name), result };
}

// Fields of a CSV line without line breaks in quotes.
function csvFields(line) {
  return [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)]
    .slice(0, line.endsWith(',') ? undefined : -1)
    .map((match) => match[1].replace(/^"(.*)"$/, '$1').replaceAll('""', '"'));
}

function readCsv(path) {
  const lines = readFileSync(path, 'utf8').split('\n').filter((line) => line !== '');
  const names = csvFields(lines.shift());
  return lines.map((line) => {
    const values = csvFields(line);
    return Object.fromEntries(names.map((name, i) => [name, values[i]]));
  });
}

// What `caravan predict` says of each sample and task, in the samples' order.
function expectedFromCsv(path, samplesPath, tasks) {
  const byName = new Map();
  for (const row of readCsv(path)) {
    byName.set([row.entity, row.scenario, row.date, row.task].join('\t'), Number(row.prediction));
  }
  const expected = [];
  for (const sample of readCsv(samplesPath)) {
    for (const task of tasks) {
      const name = [sample.entity, sample.scenario, sample.date, task].join('\t');
      if (!byName.has(name)) throw new Error(`${path} has no prediction for ${name}`);
      expected.push(byName.get(name));
    }
  }
  return expected;
}

function worstDifference(result, expected) {
  if (result.length === 0 || result.length !== expected.length) {
    throw new Error(`${result.length} predictions, ${expected.length} expected`);
  }
  let worst = 0;
  for (let i = 0; i < result.length; ++i) {
    const difference = Math.abs(result[i] - expected[i]) / Math.max(Math.abs(expected[i]), 1e-30);
    if (!(difference <= worst)) worst = difference; // NaN is the worst of all
  }
  return worst;
}

function report(name, result, expected) {
  const worst = worstDifference(result, expected);
  const good = worst <= RELATIVE;
  console.log(`${good ? 'ok  ' : 'FAIL'} ${name}: ${result.length} predictions, ` +
    `largest relative difference ${worst.toExponential(2)}`);
  return good;
}

async function compareFolder(folder) {
  const inputs = readInputs(folder);
  const { result } = await predict(folder, inputs);
  return report(folder, result, inputs.expected);
}

const options = Object.fromEntries(process.argv.slice(2)
  .filter((word) => word.startsWith('--')).map((word) => word.slice(2).split('=')));
let folders = process.argv.slice(2).filter((word) => !word.startsWith('--'));
let good = true;
if (options.export) {
  const { tasks, result } = await predict(options.export, readInputs(options.inputs));
  const samples = join(options.inputs, 'samples.csv');
  good = report(options.export, result, expectedFromCsv(options.predictions, samples, tasks));
} else {
  folders = folders.flatMap((folder) => existsSync(join(folder, 'inputs.json'))
    ? [folder] : readdirSync(folder).map((name) => join(folder, name)));
  if (folders.length === 0) throw new Error('no folder to compare');
  for (const folder of folders) good = await compareFolder(folder) && good;
}
process.exitCode = good ? 0 : 1;
