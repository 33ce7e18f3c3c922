// Documents of /api/v1/reliability and /losses, as far as they are shown.
export interface Line {
  line: string;
  ci: number;
  cmi: number;
  mi: number;
  saifi: number | null;
  saidi: number | null;
  maifi: number | null;
}

export interface Indices extends Omit<Line, 'line'> {
  customers: number;
  caidi: number | null;
  asai: number | null;
  provisional: { ci: number; saidi: number | null };
  lines: Line[];
}

export interface Brief {
  saidi: number | null;
  saifi: number | null;
  maifi: number | null;
  imported: boolean;
}

export interface Standing {
  index: string;
  figure: number | null;
  target: number | null;
  used: number | null;
  last_year: number | null;
  forecast: number | null;
}

export interface Row {
  id: string;
  name: string;
  kind: string;
  level: number;
  month?: string;
  statement: { all: Indices; without_major_event_days?: Indices; major_event_days?: string[]; threshold?: { t_med: number; years: number; provisional: boolean } };
  year_to_date: Brief | null;
  same_period_last_year: Brief | null;
  targets?: Standing[];
}

export interface Report {
  policy: string;
  policy_title: string;
  policy_digest: string;
  revision: number;
  as_of: string;
  zone: string;
  not_served: number;
  unlisted_causes?: Record<string, number>;
  rows: Row[];
}

export interface Counted {
  usage_point: string;
  unit: string;
  start?: string;
  end?: string;
  minutes: number | null;
  sustained: boolean;
  category: string;
  counted: boolean;
  cause?: string;
  outage?: number;
  rows: number[];
}

export interface LossRow {
  id: string;
  name: string;
  received_wh: number;
  delivered_wh: number;
  loss_wh: number;
  percent: number | null;
  completeness: number | null;
  target_percent: number | null;
  negative: boolean;
  flags: string[];
}

/** The month so many after another: 2026-11 and 2 is 2027-01. */
export function monthAfter(month: string, n: number): string {
  const [y, m] = month.split('-').map(Number);
  const all = y! * 12 + m! - 1 + n;
  return `${Math.floor(all / 12)}-${String((all % 12) + 1).padStart(2, '0')}`;
}
