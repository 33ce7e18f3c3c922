/** Gives a table to the browser as a CSV file, in UTF-8 with a mark, so that spreadsheets read Vietnamese. */
export function save(name: string, rows: (string | number | null | undefined)[][]) {
  const field = (v: string | number | null | undefined) => {
    let text = v === null || v === undefined ? '' : String(v);
    if (typeof v === 'string' && /^[=+\-@\t]/.test(text)) text = `'${text}`; // no formula of a spreadsheet
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const text = '\ufeff' + rows.map((r) => r.map(field).join(',')).join('\r\n') + '\r\n';
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
