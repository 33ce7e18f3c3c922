// What the API answers with, as far as it is shown.
export interface Outage {
  number: number;
  reference?: string;
  state: 'suspected' | 'confirmed' | 'restored' | 'closed' | 'withdrawn';
  node?: string;
  usage_point?: string;
  name?: string;
  feeder?: string;
  feeder_name?: string;
  organisation?: string;
  organisation_name?: string;
  part?: boolean;
  phases?: string;
  start?: string;
  end?: string;
  probability: number;
  cause?: string;
  planned: boolean;
  own: boolean;
  declared: boolean;
  plan?: string;
  notice?: string;
  overrun_s?: number;
  customers: number;
  out: number;
  seen: number;
  summary: string;
  revision: number;
  changed: string;
  reason?: string;
}

export interface Decision {
  number: number;
  kind: string;
  made: string;
  by: string;
  note?: string;
  cause?: string;
  split_at?: string;
  merge?: number;
}

export interface OutageDetail extends Outage {
  trail: string[];
  steps: { at: string; back: number; still: number; node?: string }[];
  changes: { revision: number; at: string; state: string; node?: string; customers: number; out: number; summary: string }[];
  decisions: Decision[];
}

export type Supply = 'dead' | 'part' | 'alive' | 'unknown' | 'none';

export interface SupplyNode {
  id: string;
  name?: string;
  kind: 'substation' | 'feeder' | 'switch' | 'transformer';
  parent?: string;
  rated_kva?: number;
  state: Supply;
  customers: number;
  out: number;
  heard: number;
  breaker?: 'open' | 'closed' | 'unknown';
  breaker_at?: string;
}

export interface Overview {
  zone: string;
  now: string;
  usage_points: number;
  meters: number;
  gateways: number;
  rtus: number;
  unassigned: number;
  quarantined: number;
  open_outages: number;
  out: number;
}
