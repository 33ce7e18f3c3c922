// Prints the rows of an Arrow IPC stream (.arrows) or a Parquet file (.parquet) as lines of JSON. Whole numbers are printed with all
// their digits, times as microseconds since 1970; nothing of it is ours but this file.
import { readFileSync } from 'node:fs'
import { DataType, RecordBatchReader, TimeUnit } from 'apache-arrow'
import { parquetMetadata, parquetReadObjects } from 'hyparquet'

const [name] = process.argv.slice(2)
const bytes = readFileSync(name)

const text = value => typeof value === 'bigint' ? value.toString() : JSON.stringify(value)
const lines = []
const print = row => lines.push('{' + Object.entries(row).map(([key, value]) => JSON.stringify(key) + ':' + text(value)).join(',') + '}\n')

function arrow() {
  for (const batch of RecordBatchReader.from(bytes)) {
    const columns = batch.schema.fields.map((field, i) => {
      const column = batch.getChildAt(i)
      if (!DataType.isTimestamp(field.type)) return k => column.get(k)
      if (field.type.unit !== TimeUnit.MICROSECOND || field.type.timezone !== 'UTC') throw new Error(`${field.name} is ${field.type}`)
      return k => BigInt(Math.round(column.get(k) * 1000)) // the library tells milliseconds
    })
    for (let k = 0; k < batch.numRows; k++) print(Object.fromEntries(batch.schema.fields.map((field, i) => [field.name, columns[i](k)])))
  }
}

async function parquet() {
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
  for (const field of parquetMetadata(file).schema) {
    if (field.logical_type?.type === 'TIMESTAMP' && !(field.logical_type.isAdjustedToUTC && field.logical_type.unit === 'MICROS')) throw new Error(`${field.name} is ${JSON.stringify(field.logical_type)}`)
  }
  // The library would cut times to milliseconds.
  for (const row of await parquetReadObjects({ file, parsers: { timestampFromMicroseconds: us => us } })) print(row)
}

await (name.endsWith('.parquet') ? parquet() : arrow())
process.stdout.write(lines.join(''))
