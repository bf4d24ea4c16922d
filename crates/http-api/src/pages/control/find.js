// Look-ups: a user, a code, a unit, and what became of them. And what operators did.
import * as api from './api.js';
import { $, el, say } from './dom.js';
import { empty, fill } from './lists.js';
import { isImage, priceOf } from './sale.js';
import { S, mayAct, saleNow } from './room.js';
import { lasting, nameOf, num, plural, reasonOf, when, whenExactly } from './words.js';

const CODE = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i, UNIT = /^(\d{1,13})\/(\d{1,7})$/;
let act, turn = 0, looked = '';

export const start = actions => { act = actions; };

/** Looks up whatever this is. */
export async function find(sought) {
	$('sought').value = sought;
	if (await show(sought)) say($('found').querySelector('h3')?.textContent ?? '');
}

/** Looks at it again: something was done, and may have been done to it. */
export const again = () => { if ($('found').children.length) show(looked); };

/** Returns whether it is shown, and not what was looked up meanwhile. */
async function show(sought) {
	const mine = ++turn, found = $('found');
	looked = sought;
	found.ariaBusy = 'true';
	const parts = await look(sought);
	if (mine !== turn) return false;
	found.ariaBusy = 'false';
	found.replaceChildren(...parts);
	return true;
}

async function look(sought) {
	const unit = UNIT.exec(sought.replace(/\s/g, ''));
	// No address can end in these, so they cannot be asked for.
	if (/^\.\.?$/.test(sought)) return head(`“${sought}” cannot be looked up`, 'A user may be called so, but no browser asks for such an address. Ask by one of their codes.');
	if (unit) return unitParts(sought, Number(unit[1]), Number(unit[2]));
	if (CODE.test(sought)) {
		const parts = await codeParts(sought.toLowerCase());
		if (parts) return parts;
	}
	return /^[\w.:@-]{1,64}$/.test(sought) ? userParts(sought) : unknown(sought);
}

const head = (title, ...texts) => [el('h3', { textContent: title }), ...texts.filter(Boolean).map(text => el('p', { className: 'sum', textContent: text }))];
const unknown = sought => head(`Nothing known of “${sought}”`, 'No user, code or unit has that name. Names count every letter: Mira is not mira.');
const failed = ({ name, body }) => head('No answer', name === 'invalid-request' ? `${body.errors?.[0]?.message ?? body.detail}.` : 'The ledger did not answer. Nothing is known of it just now: please look again.');
const isAway = it => it.kind === 'lost' || it.kind === 'busy' || it.name === 'invalid-request' || it.name === 'unauthorized';

/** The picture of a unit: its product's, or one of its own. */
function picture(sale, unit, image) {
	const src = isImage(image) ? image : saleNow(sale)?.product?.image ?? `/items/${sale}/${unit}.svg`;
	return el('img', { src: src.slice(1), alt: '', width: 52, height: 65, loading: 'lazy' });
}

const small = (text, onclick, tone = '') => el('button', { type: 'button', className: `btn small ${tone}`, textContent: text, onclick });
const also = (is, host, add) => { if (is) host.append(small('Show more', async e => { e.target.remove(); await add(is); })); return host; };

async function userParts(name) {
	const answer = await api.user(name);
	if (isAway(answer)) return failed(answer);
	const list = el('div', {}), asked = el('div', { className: 'asked' });
	const rows = body => { for (const u of body.units ?? []) list.append(unitRow(u, name)); also(body.next, list, async next => { const it = await api.more(next); if (it.kind === 'ok') rows(it.body); }); };
	const units = answer.body.units ?? [], count = state => units.filter(u => u.state === state).length, cancelled = count('cancelled');
	const sum = `${answer.body.next ? 'At least ' : ''}${num(count('sold'))} bought and ${num(count('held'))} on hold${cancelled ? `; ${num(cancelled)} bought and cancelled` : ''}.`;
	const button = small('All that they asked for', async () => { button.disabled = true; button.textContent = 'Reading every attempt…'; asked.replaceChildren(...await attemptParts(name)); });
	asked.append(button, el('p', { className: 'sum', textContent: 'Refused requests, too. Every attempt in the ledger is read for it, which takes a while.' }));
	rows(answer.body);
	return [...units.length ? head(name, sum) : head(name, 'Has nothing on hold, and has bought nothing. Names count every letter: Mira is not mira.'), list, asked];
}

const called = ({ sale_id, unit }, product = saleNow(sale_id)?.product) => product ? `${product.name} No. ${unit}` : `Unit ${num(unit)}`;

function unitRow(u, name) {
	const is = { held: () => `On hold until ${whenExactly(u.expires_at)}`, cancelled: () => `Bought at ${whenExactly(u.purchased_at)}, cancelled${u.cancelled_at ? ` at ${whenExactly(u.cancelled_at)}` : ''}` }[u.state]?.() ?? `Bought at ${whenExactly(u.purchased_at)}`;
	return el('div', { className: `unit ${u.state === 'cancelled' ? 'gone' : ''}` }, picture(u.sale_id, u.unit), el('p', {}, el('b', { textContent: u.item_name ?? called(u) }), ...[`${is}, sale ${u.sale_id}`, u.reason && `“${u.reason}”`, u.code].filter(Boolean).map(textContent => el('small', { textContent }))),
		el('div', { className: 'acts' }, small('Who had it', () => find(`${u.sale_id}/${u.unit}`)), ...steps({ ...u, user_id: name })));
}

/** What can be done about a unit that somebody has. */
const steps = u => !mayAct() ? [] : u.state === 'held' ? [small('Release the hold…', () => act.releaseHold(u), 'bad')] : u.state === 'sold' ? [small('Cancel the purchase…', () => act.cancelPurchase(u), 'bad')] : [];

async function attemptParts(name) {
	const answer = await api.attempts(name);
	if (answer.kind !== 'ok') return failed(answer);
	const list = el('ol', { className: 'life' }), host = el('div', {}, list);
	const said = a => a.outcome === 'granted' ? `Unit ${num(a.unit)} of sale ${a.sale_id}: ${became(a)}` : `${reasonOf(a.outcome)}, sale ${a.sale_id}`;
	const rows = body => list.append(...(body.attempts ?? []).map(a => event(a.attempted_at, said(a))));
	rows(answer.body);
	const refused = (answer.body.attempts ?? []).filter(a => a.outcome !== 'granted').length;
	return [...head('Asked for', `${answer.body.next ? 'Of the last ones, ' : ''}${plural(refused, 'was', 'were')} refused.`), rest(answer.body.next, host, rows)];
}

/** A list, and a button that adds its next page, as long as there is one. */
function rest(next, host, rows) {
	const add = async next => { const it = await api.more(next); if (it.kind === 'ok') { rows(it.body); also(it.body.next, host, add); } };
	return also(next, host, add);
}

const event = (at, text) => el('li', {}, el('time', { dateTime: at, textContent: whenExactly(at) }), el('span', { textContent: text }));
const became = a => ({
	held: `on hold until ${whenExactly(a.expires_at)}`, sold: `bought at ${whenExactly(a.ended_at)}`, expired: `ran out at ${whenExactly(a.ended_at)}`,
	released: `given back at ${whenExactly(a.ended_at)}`, cancelled: `bought, and cancelled at ${whenExactly(a.ended_at)}`,
})[a.state] ?? a.state;

/** What a unit is now, by whoever had it last. */
function standing(last, isPart) {
	if (!last) return 'Nobody had it so far: it is free.';
	if (isPart) return 'It was on hold very often; the first ones are below.';
	const { user_id: user, state } = last;
	return {
		held: `On hold for ${user} until ${whenExactly(last.expires_at)}.`, sold: `Bought by ${user} at ${whenExactly(last.ended_at)}.`,
		cancelled: `Bought by ${user}, and cancelled at ${whenExactly(last.ended_at)}.`,
	}[state] ?? 'It is free again.';
}

async function unitParts(sought, sale, unit) {
	const answer = await api.unit(sale, unit);
	if (isAway(answer)) return failed(answer);
	if (answer.kind !== 'ok') return head(`No unit ${sought}`, answer.name === 'sale-not-found' ? `There is no sale ${sale}.` : `${answer.body.detail}.`);
	const { holders = [], next } = answer.body, last = holders.at(-1), life = el('ol', { className: 'life' });
	const holder = a => el('button', { type: 'button', className: 'plain', textContent: a.user_id ?? 'nobody', onclick: () => find(a.user_id) });
	const row = a => el('li', {}, el('time', { dateTime: a.attempted_at, textContent: whenExactly(a.attempted_at) }), el('span', {}, holder(a), `: ${became(a)}`));
	const rows = body => life.append(...(body.holders ?? []).map(row));
	rows(answer.body);
	const acts = last && !next ? [el('div', { className: 'acts' }, ...steps(last))] : [];
	const box = el('div', {}, ...head(`Unit ${num(unit)} of sale ${sale}`, standing(last, next)), ...acts, life);
	return [el('div', { className: 'one' }, picture(sale, unit), rest(next, box, rows))];
}

async function codeParts(code) {
	const answer = await api.code(code);
	if (isAway(answer)) return failed(answer);
	if (answer.kind !== 'ok') return null;
	const { attempt: a, purchase } = answer.body, short = `${code.slice(0, 13)}…`;
	if (!a.unit) return head(`Code ${short}`, 'A tombstone: nobody was ever given this code.');
	const life = [event(a.attempted_at, `Put on hold for ${a.user_id}, until ${whenExactly(a.expires_at)}`)];
	if (purchase) life.push(event(purchase.purchased_at, `Bought by ${purchase.user_id}`));
	else if (a.ended_at && a.state !== 'sold') life.push(event(a.ended_at, { expired: 'Its time ran out: back on sale', released: 'Given back, by its buyer or an operator' }[a.state] ?? a.state));
	if (purchase?.cancelled_at) life.push(event(purchase.cancelled_at, `The purchase was cancelled: “${purchase.reason ?? ''}”`));
	const acts = [small('Who had it', () => find(`${a.sale_id}/${a.unit}`)), small(`All of ${a.user_id}`, () => find(a.user_id)), ...steps({ ...a, ...purchase, code })];
	const is = {
		held: `On hold for ${a.user_id} until ${whenExactly(a.expires_at)}.`, sold: `Bought by ${a.user_id}.`, cancelled: `Bought by ${a.user_id}, and cancelled.`,
		expired: 'Its time ran out; the unit went back on sale.', released: 'It was given back; the unit went back on sale.',
	}[a.state] ?? '';
	const said = head(purchase?.item_name ?? `Unit ${num(a.unit)} of sale ${a.sale_id}`, `${is} Sale ${a.sale_id}, code ${short}`);
	return [el('div', { className: 'one' }, picture(a.sale_id, a.unit, purchase?.item_image), el('div', {}, ...said, el('div', { className: 'acts' }, ...acts), el('ol', { className: 'life' }, ...life)))];
}

export function drawTrail() {
	const sold = it => it.action === 'sale-scheduled' && it.sale_id && saleNow(it.sale_id);
	fill('trail', [S.trail.map(it => [it.number, !!sold(it)]), new Date().toDateString()], () => S.trail.length ? S.trail.map(it => {
		const more = [...sold(it) ? [nameOf(sold(it))] : [], ...differences(it.refused ? {} : it.before, it.after ?? it.asked)].join('; ');
		const no = it.refused ? `Refused. ${refusalOf({ refused: it.refused.refused, action: it }) ?? it.refused.refused}` : '';
		return el('li', { className: it.refused ? 'no' : '' }, el('time', { dateTime: it.acted_at, textContent: whenExactly(it.acted_at) }),
			el('p', {}, el('b', { textContent: deed(it) }), `, ${it.operator}`, ...[more, no, it.why && `“${it.why}”`].filter(Boolean).map(text => el('small', { textContent: text }))));
	}) : [empty('Nothing so far. Whatever operators order is written here, refused orders too, and never changes.')]);
}

const FIELD = { name: 'name', price: 'price', starts_at: 'opens', ends_at: 'ends', stock: 'stock', per_user_limit: 'limit', hold_ms: 'hold', image: 'picture' };
const shownAs = (name, it) => name === 'hold_ms' ? lasting(it) : /_at$/.test(name) ? when(it) : name === 'image' ? 'another' : typeof it === 'number' ? num(it) : it;
const priced = ({ price_amount: amount, price_currency: currency, ...it } = {}) => ({ ...it, price: currency && priceOf({ amount, currency }) });

/** What became of a sale or a product, or is asked to: "stock 10,000, now 12,000". */
function differences(before, after) {
	const [was, is] = [before, after].map(it => priced(it));
	return Object.keys(FIELD).filter(name => was[name] !== is[name]).map(name => {
		const [from, to] = [was, is].map(it => it[name] === undefined ? '' : shownAs(name, it[name]));
		return `${FIELD[name]} ${name === 'image' ? from && to || (to ? 'added' : 'taken away') : [from, to || 'none'].filter(Boolean).join(', now ')}`;
	});
}

/** What an order was, as it is told in the trail: carried out, or only asked for. */
function deed(action) {
	const { asked = {}, sale_id: sale, code, after, before } = action, unit = before?.unit ?? after?.unit, sku = asked.sku ?? after?.sku ?? before?.sku;
	const both = (verb, ending) => [`${verb}${ending} sale ${sale}`, `${verb} sale ${sale}`], [done, toDo] = {
		'sale-scheduled': [`Scheduled ${sale ? `sale ${sale}` : 'a sale'}`, 'Schedule a sale'],
		'sale-changed': both('Change', 'd'), 'sale-paused': both('Pause', 'd'), 'sale-resumed': both('Resume', 'd'), 'sale-ended': both('End', 'ed'),
		'hold-released': [`Released ${unit ? `unit ${unit} of sale ${sale}` : `the hold of ${code}`}`, `Release the hold of ${code}`],
		'purchase-cancelled': [`Cancelled a purchase${unit ? `, unit ${unit} of sale ${sale}` : ''}`, `Cancel the purchase of ${code}`],
		'product-put': [`${before ? 'Changed' : 'Added'} product ${sku}`, `Put product ${sku}`], 'product-archived': [`Archived product ${sku}`, `Archive product ${sku}`],
	}[action.action] ?? [action.action, action.action];
	return action.refused ? toDo : done;
}

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
