// What the page knows, and which of its states that is.
import { secondsTo } from './clock.js';

export const S = {
	sale: undefined, // null: there is none
	chosen: null, // the number of the sale that is watched, if it is not whichever is on
	current: null, // the number of whichever was on when that was watched
	units: [], picked: null, // a code
	requests: new Map(), // what the service has not answered, by the code it is of, or the number of the sale; what is in one, actions.js says
	message: null, // [tone, text], and the state that it is of, if it is over with it
	link: 'wait', user: '', isSignedIn: false, wantsToken: false,
	elsewhere: null, // { sale, user, n }: what the user has, as the service counts it
	others: 0, // how many sales are open beside the one that is shown
	retry_at: null, // when a hold may come back
};

const isOfUser = u => u.sale === S.sale?.id && u.user === S.user;
export const holds = () => S.units.filter(u => u.is === 'held').sort((a, b) => Date.parse(a.expires_at) - Date.parse(b.expires_at));
export const bought = () => S.units.filter(u => u.is === 'bought');
export const picked = () => S.units.find(u => u.code === S.picked);
export const countOf = is => S.units.filter(u => isOfUser(u) && u.is === is).length;

/** What is asked for of the unit that is picked, or else of the sale that is shown. */
export const request = () => S.requests.get(S.picked ?? S.sale?.id);

/** The unit on hold that is shown if none is chosen: one of the sale that is shown, as soon as that is known. */
export const nextHold = () => S.requests.has(S.sale?.id) ? null : holds().find(u => !(S.chosen ?? S.sale) || u.sale === (S.chosen ?? S.sale.id))?.code ?? null;

/** Nobody is known, where somebody has to be. */
export const isOut = () => S.wantsToken && !S.isSignedIn;

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
	if (S.requests.has(sale?.id)) return 'asking';
	if (sale === undefined) return 'loading';
	if (sale === null) return 'none';
	if (sale.state === 'scheduled') return 'before';
	if (sale.state === 'ended') return 'ended';
	if (sale.sold >= sale.stock) return 'soldout';
	if (sale.state === 'paused') return 'paused';
	if (room() === 0) return 'limit';
	return sale.available > 0 ? 'open' : 'waiting';
}
