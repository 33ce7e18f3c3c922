// Who is logged in.
import { change, get, Problem, session } from './ask';
import { speak, recall, type Language } from './words.svelte';

export interface User {
  name: string;
  role: 'viewer' | 'operator' | 'billing' | 'engineer' | 'administrator';
  organisations: string[];
  language?: string;
}

interface Session {
  user: User;
  csrf: string;
  expires: string;
}

class Who {
  /** asking; in; out: must log in; open: this head-end has no access control. */
  state = $state<'asking' | 'in' | 'out' | 'open' | 'away'>('asking');
  user = $state.raw<User | undefined>();
  expired = $state(false);
  fault = $state('');

  async ask() {
    try {
      this.#take(await get<Session>('/session'));
    } catch (fault) {
      const status = fault instanceof Problem ? fault.status : 0;
      if (status === 404) this.state = 'open';
      else if (status === 401) this.state = 'out';
      else {
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

  /** Whether the one who is logged in may do what this role may. */
  may(what: 'decide' | 'plan' | 'attach' | 'administer'): boolean {
    if (this.state === 'open') return what !== 'administer';
    const role = this.user?.role;
    if (role === 'administrator') return true;
    if (what === 'administer') return false;
    if (what === 'attach') return role === 'engineer';
    return role === 'operator' || role === 'engineer';
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
