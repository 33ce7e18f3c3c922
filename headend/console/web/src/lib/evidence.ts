// Evidence in words. The detector writes it in English, in few forms of sentence; they are said in Vietnamese here. What is not
// recognised is shown as it was written: never is anything left out.
import type { Language } from './words.svelte';

const kinds: Record<string, string> = { substation: 'trạm 110 kV', feeder: 'xuất tuyến', switch: 'thiết bị đóng cắt', transformer: 'trạm biến áp', 'usage point': 'điểm đo' };

/** A span as the detector writes it: 40 s, 11 min 30 s. */
function span(text: string): string {
  return text.replace(/(\d+) min/, '$1 phút').replace(/(\d+) s\b/, '$1 giây');
}

/** A time as the detector writes it, 2026-11-28 09:02:07, as it is read here. */
function clock(text: string): string {
  return text.replace(/(\d{4})-(\d\d)-(\d\d) (\d\d:\d\d:\d\d)/g, '$4 ngày $3/$2/$1');
}

function place(text: string): string {
  const part = text.startsWith('a part of ');
  const rest = part ? text.slice(10) : text;
  const kind = Object.keys(kinds).find((k) => rest.startsWith(k + ' '));
  let said = kind ? `${kinds[kind]} ${rest.slice(kind.length + 1)}` : rest;
  if (kind === 'transformer') said = said.replace('trạm biến áp TBA ', 'TBA ');
  if (kind === 'feeder') said = said.replace(/xuất tuyến xuất tuyến /i, 'xuất tuyến ');
  return (part ? 'một phần của ' : '') + said;
}

type Rule = [RegExp, (...found: string[]) => string];

const rules: Rule[] = [
  [/^(\d+) of (\d+) meters below (.+) sent a last gasp within (.+)$/, (n, of, at, length) => `${n} / ${of} công tơ sau ${at} báo mất điện (last gasp) trong ${span(length)}`],
  [/^(\d+) of (\d+) meters below (.+) sent a last gasp, out since (.+)$/, (n, of, at, time) => `${n} / ${of} công tơ sau ${at} báo mất điện (last gasp), từ ${clock(time)}`],
  [/^the meter at (\S+) sent a last gasp, out since (.+)$/, (id, time) => `công tơ tại ${id} báo mất điện (last gasp), từ ${clock(time)}`],
  [/^(\d+) of (\d+) meters below (.+) lost phase (.+)$/, (n, of, at, phases) => `${n} / ${of} công tơ sau ${at} mất pha ${phases}`],
  [/^the meter at (\S+) lost phase (.+)$/, (id, phases) => `công tơ tại ${id} mất pha ${phases}`],
  [/^the meter at (\S+) has it in its log$/, (id) => `nhật ký công tơ tại ${id} ghi nhận`],
  [/^(\d+) of (\d+) meters below (.+) have it in their logs$/, (n, of, at) => `nhật ký của ${n} / ${of} công tơ sau ${at} ghi nhận`],
  [/^(\d+) of (\d+) meters below (.+) measured no voltage on the supply side$/, (n, of, at) => `${n} / ${of} công tơ sau ${at} đo không có điện áp phía nguồn`],
  [/^the meter at (\S+) measured no voltage on the supply side$/, (id) => `công tơ tại ${id} đo không có điện áp phía nguồn`],
  [/^(\d+) of (\d+) meters below (.+) said that power came back; no last gasp came$/, (n, of, at) => `${n} / ${of} công tơ sau ${at} báo có điện lại; không có tin báo mất điện`],
  [/^the meter at (\S+) said that power came back; no last gasp came$/, (id) => `công tơ tại ${id} báo có điện lại; không có tin báo mất điện`],
  [/^breaker of (\S+) open since ([^.]+)$/, (id, time) => `máy cắt ${id} mở từ ${clock(time)}`],
  [/^Breaker of (\S+) open since (.+)\.$/, (id, time) => `Máy cắt ${id} mở từ ${clock(time)}.`],
  [/^no voltage at (\S+) since ([^.]+)$/, (id, time) => `không có điện áp tại ${id} từ ${clock(time)}`],
  [/^No voltage at (\S+) since (.+)\.$/, (id, time) => `Không có điện áp tại ${id} từ ${clock(time)}.`],
  [/^imported$/, () => 'nhập từ tệp'],
  [/^no meter has said anything$/, () => 'chưa công tơ nào báo gì'],
  [/^supply back at (.+)$/, (time) => `có điện lại lúc ${clock(time)}`],
  [/^all (\d+) usage points have supply again since (.+)$/, (n, time) => `cả ${n} khách hàng có điện lại từ ${clock(time)}`],
  [/^(\d+) of (\d+) usage points have supply again$/, (n, of) => `${n} / ${of} khách hàng đã có điện lại`],
  [/^it has not been heard since$/, () => 'từ đó không nghe được'],
  [/^none of them has been heard since$/, () => 'từ đó không nghe được công tơ nào'],
  [/^none of (\d+) usage points has been heard since$/, (n) => `từ đó không nghe được ai trong ${n} khách hàng`],
  [/^Only usage point (\S+) itself shows it\.$/, (id) => `Chỉ riêng điểm đo ${id} cho thấy mất điện.`],
  [/^The lowest node that explains the evidence is (.+), more than 99\.99 % sure\.$/, (at) => `Vị trí thấp nhất giải thích được mọi dữ liệu là ${place(at)}, chắc chắn trên 99,99 %.`],
  [/^The lowest node that explains the evidence is (.+), ([\d.e+-]+) % sure\.$/, (at, p) => `Vị trí thấp nhất giải thích được mọi dữ liệu là ${place(at)}, chắc chắn ${p.replace('.', ',')} %.`],
  [
    /^(\d+) of (\d+) meters below sent a last gasp, (.+?) to (.+?)(?: \((\d+) % are expected to get through here\))?; (\d+) repeats, (\d+) without a usable time\.$/,
    (n, of, first, last, rate, repeats, timeless) =>
      `${n} / ${of} công tơ phía sau báo mất điện (last gasp), ${first === last ? `lúc ${clock(first)}` : `từ ${clock(first)} đến ${clock(last)}`}` +
      `${rate ? ` (ở đây thường có ${rate} % tin tới nơi)` : ''}; ${repeats} tin lặp, ${timeless} tin không có giờ dùng được.`,
  ],
  [/^The logs of (\d+) meters have it\.$/, (n) => `Nhật ký của ${n} công tơ ghi nhận.`],
  [/^(\d+) meters lost phase (.+) only\.$/, (n, phases) => `${n} công tơ chỉ mất pha ${phases}.`],
  [/^(\d+) meters or RTUs measured no voltage on the supply side\.$/, (n) => `${n} công tơ hoặc RTU đo không có điện áp phía nguồn.`],
  [/^(\d+) meters said that power came back\.$/, (n) => `${n} công tơ báo có điện lại.`],
  [
    /^(\d+) that were heard shortly before are silent, (\d+) could not have been heard, (\d+) were dark already\.$/,
    (silent, mute, dark) => `${silent} công tơ vừa nghe được trước đó nay im lặng, ${mute} không thể nghe được, ${dark} đã mất điện từ trước.`,
  ],
  [/^And (\d+) more\.$/, (n) => `Và ${n} nữa.`],
  [/^(\S+) lives in the middle of it and is left out\.$/, (id) => `${id} vẫn có điện ở giữa khu vực này nên không tính.`],
  [/^It is not (.+): (\S+) lives\.$/, (at, id) => `Không phải ${at}: ${id} vẫn có điện.`],
  [/^(\d+) of (\d+) interruptions are inferred from their neighbours\.$/, (n, of) => `${n} / ${of} lần mất điện được suy từ lân cận.`],
  [/^It falls into planned cut (\S+) \((.*)\)\.$/, (id, reason) => `Trùng lịch cắt điện ${id}${reason ? ` (${reason})` : ''}.`],
  [/^It overruns the window by (.+)\.$/, (length) => `Quá giờ theo lịch ${length}.`],
  [/^An operator split it off from (.+)\.$/, (at) => `Điều độ viên tách khỏi ${at}.`],
  [/^Cause by (.+): (.+)\.$/, (by, cause) => `Nguyên nhân theo ${by}: ${cause}.`],
  [/^The fault was in the installation of (\S+), by decision\.$/, (id) => `Hư hỏng thuộc tài sản của ${id}, theo quyết định.`],
  [/^Declared as force majeure\.$/, () => 'Được công bố là bất khả kháng.'],
];

function say(text: string): string {
  for (const [form, words] of rules) {
    const found = form.exec(text);
    if (found) return words(...found.slice(1));
  }
  return text;
}

export function evidence(text: string, language: Language): string {
  if (language !== 'vi') return text;
  const parts = text.split('; ');
  const said: string[] = [];
  for (let i = 0; i < parts.length; ) {
    // The shortest that is a sentence of the detector's: some have a semicolon of their own.
    let end = i + 1;
    while (end <= parts.length && say(parts.slice(i, end).join('; ')) === parts.slice(i, end).join('; ')) end++;
    if (end > parts.length) end = i + 1;
    said.push(say(parts.slice(i, end).join('; ')));
    i = end;
  }
  return said.join('; ');
}
