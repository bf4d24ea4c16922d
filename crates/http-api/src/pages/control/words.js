// What things are called, and what is said of them.
import { hourMinute, now, toSeconds } from './clock.js';

export const num = n => Math.round(n).toLocaleString('en-US');
export const plural = (n, one, many = `${one}s`) => `${num(n)} ${n === 1 ? one : many}`;
export const rate = n => n === null ? '–' : n < 10 && n % 1 ? n.toFixed(1) : num(n);
export const ms = n => n === null ? '–' : n < 10 ? n.toFixed(1) : num(n);
export const share = (n, all) => `${(n / all * 100).toFixed(1)} %`;

/** 15:21, with the day if that is another. */
export function when(t, clock = hourMinute) {
	const isToday = new Date(t).toDateString() === new Date(now()).toDateString();
	return isToday ? clock(t) : `${new Date(t).toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })} ${clock(t)}`;
}
export const whenExactly = t => when(t, toSeconds);

/** 90 s, 5 min, 1 h 30 min. */
export function lasting(ms) {
	const s = Math.round(ms / 1_000), parts = [[s / 86_400 | 0, 'd'], [s / 3_600 % 24 | 0, 'h'], [s / 60 % 60 | 0, 'min'], [s % 60, 's']].filter(([n]) => n);
	return parts.map(([n, unit]) => `${n} ${unit}`).join(' ') || `${ms} ms`;
}

export const GENERATED = 'Pocket Curios';
export const nameOf = sale => sale.product?.name ?? GENERATED;
export const STATE = { open: 'Open', paused: 'Paused', scheduled: 'Not open yet', ended: 'Ended' };

const REFUSED = {
	'sold-out': 'Sold out for now', 'user-limit-reached': 'Over the limit', 'user-limit': 'Over the limit', 'sale-not-open': 'Not open yet', 'not-open': 'Not open yet',
	'sale-ended': 'Sale over', ended: 'Sale over', 'sale-paused': 'Paused', paused: 'Paused', 'sale-not-found': 'No such sale', 'unknown-sale': 'No such sale',
	'code-expired': 'Code ran out', 'code-not-found': 'No such code', 'code-already-used': 'Code used before', 'code-released': 'Code given back',
	'purchase-cancelled': 'Purchase cancelled', 'invalid-request': 'Not valid', overloaded: 'Overloaded', unavailable: 'Not available', 'too-many-requests': 'Too many requests',
	unauthorized: 'Not signed in', forbidden: 'Not theirs', granted: 'Granted', void: 'Came too late',
};
export const reasonOf = name => { const it = name.replaceAll('_', '-'); return REFUSED[it] ?? it.replaceAll('-', ' ').replace(/^./, c => c.toUpperCase()); };

const STORE = { ledger: 'Ledger', live: 'Live store' };
export const storeOf = name => STORE[name] ?? name;

/** What it means to buyers that a store does not answer. */
export const DOWN = {
	ledger: 'Nothing can be put on hold or bought: buyers are told 503 and to ask again. Nothing that was answered is lost. Orders, look-ups and the trail wait for it, too.',
	live: 'New checkouts are told 503 and to ask again. Units on hold can be bought. Nothing is lost.',
};

const FIELD = { starts_at: 'opens', ends_at: 'ends', stock: 'stock', per_user_limit: 'limit', hold_ms: 'hold' };
const shownAs = (name, value) => name === 'hold_ms' ? lasting(value) : /_at$/.test(name) ? when(value) : num(value);

/** What became of a sale by a change: "stock 10,000, now 12,000". */
export function differences(before = {}, after = {}) {
	return Object.keys(FIELD).filter(name => before[name] !== after[name] && after[name] !== undefined).map(name => `${FIELD[name]} ${before[name] === undefined ? '' : `${shownAs(name, before[name])}, now `}${shownAs(name, after[name])}`);
}

/** What an order was, as it is told in the trail: carried out, or only asked for. */
export function deed(action) {
	const { asked = {}, sale_id: sale, code, after, before } = action, unit = before?.unit ?? after?.unit, sku = asked.sku ?? after?.sku ?? before?.sku;
	const [done, toDo] = {
		'sale-scheduled': [`Scheduled ${sale ? `sale ${sale}` : 'a sale'}`, 'Schedule a sale'],
		'sale-changed': [`Changed sale ${sale}`, `Change sale ${sale}`], 'sale-paused': [`Paused sale ${sale}`, `Pause sale ${sale}`],
		'sale-resumed': [`Resumed sale ${sale}`, `Resume sale ${sale}`], 'sale-ended': [`Ended sale ${sale}`, `End sale ${sale}`],
		'hold-released': [`Released ${unit ? `unit ${unit} of sale ${sale}` : `the hold of ${code}`}`, `Release the hold of ${code}`],
		'purchase-cancelled': [`Cancelled a purchase${unit ? `, unit ${unit} of sale ${sale}` : ''}`, `Cancel the purchase of ${code}`],
		'product-put': [`Put product ${sku}`, `Put product ${sku}`], 'product-archived': [`Archived product ${sku}`, `Archive product ${sku}`],
	}[action.action] ?? [action.action, action.action];
	return action.refused ? toDo : done;
}

/** One word for a line in the picture. */
export const markOf = action => ({ 'sale-paused': 'Paused', 'sale-resumed': 'Resumed', 'sale-changed': 'Changed', 'sale-ended': 'Ended', 'purchase-cancelled': 'Cancelled' })[action.action];

/** What stood in the way of an order, and what to do about it. */
export function refusalOf({ refused: why, action }) {
	const of = action?.refused ?? {}, sale = action?.sale_id ? `Sale ${action.sale_id}` : 'The sale';
	return {
		'sale-ended': () => `${sale} is over since ${whenExactly(of.ended_at)}: what was promised in it stands.`,
		'sale-not-open': () => `${sale} has not begun, and is one of the timetable. It can be paused.`,
		'sale-already-open': () => `${sale} has opened: ${FIELD[of.field] === 'opens' ? 'its beginning' : 'how long a unit is held'} can be changed only before that.`,
		'stock-in-use': () => `Unit ${num(of.highest_unit)} is on hold or sold: the stock can be no less than that.`,
		'limit-lowered': () => `The limit is ${num(of.per_user_limit)}, and somebody may have as many already. Since the sale has opened, it can only be raised.`,
		'ends-in-the-past': () => `It is ${whenExactly(of.now)} by the ledger’s clock: the sale would be over already. To end it now, press End.`,
		'ends-before-it-starts': () => `It opens at ${whenExactly(of.starts_at)}: it would end before that.`,
		'outside-its-slot': () => `It is one of the timetable, and stays between ${whenExactly(of.from)} and ${whenExactly(of.to)}.`,
		'out-of-range': () => 'No sale may last so long, or have such terms.',
		'sale-changed-since': () => of.by ? `${of.by} was quicker: ${deed({ action: of.action, sale_id: action.sale_id }).replace(/^./, c => c.toLowerCase())}, number ${of.number} of the trail.` : 'The sale was changed meanwhile.',
		'ledger-behind': () => 'The live store serves what the ledger does not know: the ledger was restored. Somebody has to accept it first, with flashsale sales accept-restore.',
		'sale-not-found': () => 'There is no such sale.', 'product-not-found': () => 'There is no such product.', 'code-not-found': () => 'No such code was ever given.',
		'product-archived': () => 'The product is archived, which is for ever.',
		'image-not-found': () => 'The ledger has no such picture: choose the file again.',
		'not-on-hold': () => `Nothing is on hold under this code any more: it is ${of.state === 'released' ? 'given back' : of.state === 'expired' ? 'run out' : of.state}.`,
		'not-purchased': () => 'Nothing was bought with this code.', 'already-cancelled': () => 'The purchase is cancelled already.',
		'reason-missing': () => 'A purchase is cancelled for a reason, which its receipt tells the buyer.', 'not-yet-possible': () => 'A process of an older version serves beside this one, and does not know what a cancelled purchase is. Try again when it is gone.',
	}[why]?.() ?? null;
}
