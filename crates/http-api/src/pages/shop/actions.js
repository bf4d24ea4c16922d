// What the buttons do. Each request has a name under which it can be asked again: a unit is asked for
// by a key that outlives a reload, and bought or given back by its code.
//
// A request: `op` ('ask', 'buy' or 'give'), `user`, and `code`, or else `key`, `sale`, `hold_ms` and `price`; `isBusy`
// while it is under way, and otherwise `at`, when it is asked again, null if somebody has to sign in first; `tries`,
// `isCrowd`, and `isUnsure` once it may have been done.
import * as api from './api.js';
import { now } from './clock.js';
import { drawn } from './request.js';
import { S, isOut, nextHold, request } from './state.js';
import * as units from './units.js';
import { BECAME, NOTHING, priceIn, refusalWords } from './words.js';

const ASKING = 'flashsale.asking.', BUSY_TRIES = 5;
let render, needUser;
export const start = (onChange, onNoUser) => { render = onChange; needUser = onNoUser; };

const nameOf = it => it.code ?? it.sale;
function keep(it) { try { sessionStorage.setItem(ASKING + it.sale, JSON.stringify(it)); } catch { /* it is in S */ } }
function forget(it) { if (kept(ASKING + it.sale)?.key === it.key) try { sessionStorage.removeItem(ASKING + it.sale); } catch { /* it is not there */ } }

/** A request that this tab made before it was loaded anew, and had no answer to: it may have been done. */
function kept(name) {
	try {
		const { key, sale, user, hold_ms, price } = JSON.parse(sessionStorage.getItem(name));
		return /^[\da-f-]{36}$/.test(key) && ASKING + sale === name && Number.isSafeInteger(sale) && typeof user === 'string' ? { op: 'ask', key, sale, user, hold_ms, price, isUnsure: true } : null;
	} catch { return null; }
}

function unanswered() { try { return Object.keys(sessionStorage).filter(name => name.startsWith(ASKING)).map(kept).filter(Boolean); } catch { return []; } }

export function pick(code) { S.picked = code; S.message = null; render(); }

export function ask() {
	if (S.requests.has(S.sale?.id)) return pick(null);
	if (isOut() || !S.user) return needUser(ask);
	S.picked = null;
	return attempt({ op: 'ask', key: drawn(), sale: S.sale.id, hold_ms: S.sale.hold_ms, price: priceIn(S.sale), user: S.user });
}

const ofUnit = op => code => isOut() ? needUser(() => ofUnit(op)(code)) : S.requests.has(code) || attempt({ op, code, user: S.user });
const buying = ofUnit('buy'), giving = ofUnit('give');
export const buy = () => buying(S.picked);
export const give = () => giving(S.picked);
export function again() {
	const it = request();
	if (it) return isOut() ? needUser(again) : attempt(it);
}

/** Goes on where a reload, or a token that was over, cut it off. What somebody else has asked for is theirs. */
export function resume() {
	if (isOut()) return;
	for (const [name, it] of S.requests) {
		if (S.wantsToken && it.user !== S.user) S.requests.delete(name);
		else if (it.at === null) attempt(it);
	}
	for (const it of unanswered()) {
		if (S.requests.has(it.sale) || S.wantsToken && it.user !== S.user) continue;
		if (!S.sale || S.sale.id === it.sale) S.picked = null;
		attempt(it);
	}
}

/** Asks again for whatever is due. */
export function tick() { for (const it of S.requests.values()) if (it.at !== null && now() >= it.at) attempt(it); }

const CALLS = { ask: it => api.checkout(it.sale, S.wantsToken ? '' : it.user, it.key), buy: it => api.purchase(it.code), give: it => api.release(it.code) };

async function attempt(it) {
	if (it.isBusy) return;
	Object.assign(it, { isBusy: true, at: undefined });
	S.requests.set(nameOf(it), it);
	if (it === request()) S.message = null;
	if (it.op === 'ask') keep(it);
	render();
	const answer = await CALLS[it.op](it);
	it.isBusy = false;
	if (answer.kind === 'lost' || answer.kind === 'busy') later(it, answer);
	// It is not known what came of it, and whoever is known may ask.
	else if (answer.name === 'unauthorized' && it.isUnsure) it.at = null;
	else if (settle[it.op](it, answer) === false) later(it, { ...answer, kind: 'lost' });
	else over(it);
	render();
}

function over(it) {
	if (S.requests.get(nameOf(it)) === it) S.requests.delete(nameOf(it));
	if (it.op === 'ask') forget(it);
}

function later(it, answer) {
	const { tries = 0 } = it;
	// Once it may have been done, no later answer but its own says that it was not.
	it.isUnsure ||= answer.kind === 'lost';
	it.isCrowd = answer.name !== 'unavailable';
	if (!it.isUnsure && tries >= BUSY_TRIES) {
		over(it);
		S.message = ['', `The shop ${it.isCrowd ? 'is still too busy to answer you' : 'still cannot do that'}. ${NOTHING[it.op]}. Ask again when you like.`];
		return;
	}
	// A bit later than it was told, so that not all who were told so come at once.
	it.tries = tries + 1;
	it.at = now() + (answer.wait_ms ?? Math.min(15_000, 2_000 + 1_000 * it.tries)) + Math.random() * 1_000;
}

const unitOf = code => S.units.find(u => u.code === code);

/** What an answer comes to. They return false if it is none: then it is not known whether that was done. */
const settle = {
	ask(it, answer) {
		if (answer.kind !== 'ok') return refused(it, answer);
		const u = units.granted(answer.body, it.hold_ms, it.price);
		if (!u) return false;
		S.units = units.load();
		// Whoever looks at something else stays there.
		if (!unitOf(u.code)) return;
		if (S.picked || S.sale && S.sale.id !== u.sale) S.message = ['good', `${u.name} is on hold for you: it is among your units below.`];
		else S.picked = u.code;
		// An answer that was recorded before says what was granted, not what has become of it.
		if (Date.parse(u.expires_at) < now()) look(u);
	},
	buy(it, answer) {
		const paper = answer.kind === 'ok' ? answer.body : answer.name === 'code-already-used' ? answer.body.purchase : null;
		if (!paper) return refused(it, answer);
		if (paper.code !== it.code) return false;
		units.became(it.code, 'bought', paper.purchased_at, paper.item);
		S.units = units.load();
		if (S.picked !== it.code && unitOf(it.code)) S.message = ['good', `${unitOf(it.code).name} is yours, for good.`];
	},
	give(it, answer) {
		if (answer.kind !== 'ok') return refused(it, answer);
		const name = unitOf(it.code)?.name ?? 'it';
		units.became(it.code, 'returned', new Date(now()).toISOString());
		S.units = units.load(); S.elsewhere = null;
		leave(it.code);
		S.message = ['good', `You gave ${name} back. Somebody else can have it now.`];
	},
};

const leave = code => { if (S.picked === code) S.picked = nextHold(); };

function refused(it, answer) {
	const { name, body } = answer, u = unitOf(it.code);
	if (name === 'sold-out') S.retry_at = Date.parse(body.retry_at) || null;
	if (name === 'user-limit-reached') S.elsewhere = { sale: it.sale, user: it.user, n: (body.held ?? 0) + (body.bought ?? 0) };
	if (name === 'unauthorized') S.wantsToken = true;
	S.message = ['', `${u && S.picked !== it.code ? `${u.name}: ` : ''}${refusalWords(answer)}`];
	if (u && name !== 'unauthorized') look(u);
}

/** Looks what has become of a unit, and tells it. Returns whether the service said. */
export async function look(u) {
	const isSaid = await units.check(u.code);
	S.units = units.load();
	const it = unitOf(u.code);
	if (!isSaid || it?.is === u.is) return isSaid;
	S.elsewhere = null;
	if (it?.is !== 'bought') leave(u.code);
	if (BECAME[it?.is]) S.message = ['', BECAME[it.is](it)];
	render();
	return true;
}
