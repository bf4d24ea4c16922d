// What the page knows, and which of its states that is.
import { secondsTo } from './clock.js';

export const S = {
	sale: undefined, // null: none is on and none is planned
	chosen: null, // the number of the sale that is watched, if it is not whichever is on
	units: [], picked: null, // a code
	busy: null, // 'ask', 'buy' or 'give', while the service has not answered
	retry: null, // { op, code, at, lost, isCrowd, tries }: what is asked again, when, and why
	message: null, // [tone, text]
	link: 'wait', user: '', isSignedIn: false, wantsToken: false,
	elsewhere: null, // { sale, user, n }: what the user has, as the service counts it
	retry_at: null, // when a hold may come back
};

const isOfUser = u => u.sale === S.sale?.id && u.user === S.user;
export const holds = () => S.units.filter(u => u.is === 'held').sort((a, b) => Date.parse(a.expires_at) - Date.parse(b.expires_at));
export const bought = () => S.units.filter(u => u.is === 'bought');
export const picked = () => S.units.find(u => u.code === S.picked);
export const countOf = is => S.units.filter(u => isOfUser(u) && u.is === is).length;

/** How many more the user may have of this sale. */
export function room() {
	const { elsewhere: e, sale } = S, here = countOf('held') + countOf('bought');
	const all = e && e.sale === sale.id && e.user === S.user ? Math.max(e.n, here) : here;
	return Math.max(0, sale.per_user_limit - all);
}

export const canAsk = () => S.sale?.state === 'open' && S.sale.available > 0 && room() > 0;

/** A sale that ought to have begun: the service says so within a moment. */
export const isAboutTo = () => S.sale?.state === 'scheduled' && secondsTo(Date.parse(S.sale.starts_at)) === 0;

export function view() {
	const { sale } = S, u = picked();
	if (u?.is === 'held') return 'hold';
	if (u?.is === 'bought') return 'mine';
	if (S.busy === 'ask' || S.retry?.op === 'ask') return 'asking';
	if (sale === undefined) return 'loading';
	if (sale === null) return 'none';
	if (sale.state === 'scheduled') return 'before';
	if (sale.state === 'ended') return 'ended';
	if (sale.sold >= sale.stock) return 'soldout';
	if (sale.state === 'paused') return 'paused';
	if (room() === 0) return 'limit';
	return sale.available > 0 ? 'open' : 'waiting';
}
