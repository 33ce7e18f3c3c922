// Who is logged in.
import { change, get, Problem, session } from './ask';
import { speak, recall, type Language } from './words.svelte';

export interface User {
  name: string;
  role?: string;
  permissions: string[]; // look, operate, bill, maintain, sign, administer
  organisations: string[];
  language?: string;
}

interface Session {
  user: User;
  csrf: string;
  expires: string;
}

class Who {
  /** asking; in; out: must log in; away: it cannot be known. */
  state = $state<'asking' | 'in' | 'out' | 'away'>('asking');
  user = $state.raw<User | undefined>();
  expired = $state(false);
  fault = $state('');

  async ask() {
    try {
      this.#take(await get<Session>('/session'));
    } catch (fault) {
      const status = fault instanceof Problem ? fault.status : 0;
      if (status === 401) {
        if (this.state === 'in') this.#out(true);
        this.state = 'out';
      } else if (this.state !== 'in') {
        this.state = 'away';
        this.fault = fault instanceof Error ? fault.message : String(fault);
      }
    }
  }

  async logIn(name: string, password: string) {
    this.#take(await change<Session>('POST', '/session', { name, password }));
  }

  async logOut() {
    await change('DELETE', '/session');
    this.#out(false);
  }

  /** Whether the one who is logged in may do it. What is refused here the head-end refuses too. */
  may(what: 'operate' | 'maintain' | 'administer'): boolean {
    return this.user?.permissions.includes(what) ?? false;
  }

  /** Whether accounts, tokens of others, webhooks and the audit trail are open: to administrators who see everything. */
  get administrator(): boolean {
    return this.may('administer') && this.user?.organisations.length === 0;
  }

  #take(answer: Session) {
    this.user = answer.user;
    this.expired = false;
    session(answer.csrf, () => this.#out(true));
    this.state = 'in';
    if (!recall('language') && (answer.user.language === 'vi' || answer.user.language === 'en')) void speak(answer.user.language as Language);
  }

  #out(expired: boolean) {
    if (this.state !== 'in') return;
    session('', () => {});
    this.user = undefined;
    this.expired = expired;
    this.state = 'out';
  }
}

export const who = new Who();
