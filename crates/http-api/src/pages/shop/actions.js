// What the buttons do. Each request has a name under which it can be asked again: a unit is asked for
// by a key that outlives a reload, and bought or given back by its code.
import * as api from './api.js';
import { now } from './clock.js';
import { drawn } from './request.js';
import { S, holds, picked } from './state.js';
import * as units from './units.js';
import { NOTHING, refusalWords } from './words.js';

const ASKING = 'flashsale.asking', BUSY_TRIES = 5;
let render, needUser;
export const start = (onChange, onNoUser) => { render = onChange; needUser = onNoUser; };

const keep = asking => { try { asking ? sessionStorage.setItem(ASKING, JSON.stringify(asking)) : sessionStorage.removeItem(ASKING); } catch { /* it is in S */ } };

/** A request that this tab made before it was loaded anew, and had no answer to. */
function unanswered() {
	try {
		const { key, sale, user } = JSON.parse(sessionStorage.getItem(ASKING));
		return /^[\da-f-]{36}$/.test(key) && Number.isSafeInteger(sale) && typeof user === 'string' ? { key, sale, user } : null;
	} catch { return null; }
}

let asking = unanswered();

export function pick(code) { S.picked = code; S.message = null; render(); }

export function ask() {
	if (S.busy) return;
	if (S.wantsToken ? !S.isSignedIn : !S.user) return needUser();
	if (!asking) asking = { key: drawn(), sale: S.sale.id, user: S.isSignedIn ? '' : S.user };
	S.picked = null;
	return attempt('ask', null);
}

export const buy = () => attempt('buy', S.picked);
export const give = () => attempt('give', S.picked);
export const again = () => S.retry && attempt(S.retry.op, S.retry.code);

/** Goes on where a reload cut it off. */
export const resume = () => { if (asking) return attempt('ask', null); };

async function attempt(op, code) {
	if (S.busy) return;
	const tries = S.retry?.op === op ? S.retry.tries : 0, isRepeated = S.retry?.op === op && S.retry.lost;
	S.busy = op; S.retry = S.message = null;
	if (op === 'ask') keep(asking);
	render();
	const answer = await { ask: () => api.checkout(asking.sale, asking.user, asking.key), buy: () => api.purchase(code), give: () => api.release(code) }[op]();
	S.busy = null;
	if (answer.kind === 'lost' || answer.kind === 'busy') later(op, code, answer, tries + 1);
	else await settle[op](answer, code, isRepeated);
	render();
}

function later(op, code, answer, tries) {
	const lost = answer.kind === 'lost', isCrowd = answer.name !== 'unavailable';
	if (!lost && tries > BUSY_TRIES) {
		if (op === 'ask') { asking = null; keep(null); }
		S.message = ['', `The shop ${isCrowd ? 'is still too busy to answer you' : 'still cannot do that'}. ${NOTHING[op]}. Ask again when you like.`];
		return;
	}
	// A bit later than it was told, so that not all who were told so come at once.
	const wait = answer.wait_ms ?? Math.min(15_000, 2_000 + 1_000 * tries);
	S.retry = { op, code, lost, isCrowd, tries, at: now() + wait + Math.random() * 1_000 };
}

const settle = {
	ask(answer) {
		const { sale } = asking;
		asking = null; keep(null);
		if (answer.kind === 'ok') {
			const { body } = answer;
			S.units = units.granted(body, S.sale?.id === sale ? S.sale.hold_ms : undefined);
			S.user ||= body.user_id;
			S.picked = S.units.some(u => u.code === body.code) ? body.code : null;
			// An answer that was recorded before says what was granted, not what has become of it.
			if (Date.parse(body.expires_at) < now()) return units.check(body.code).then(() => { S.units = units.load(); });
			return;
		}
		refused(answer);
	},
	buy(answer, code) {
		const paper = answer.kind === 'ok' ? answer.body : answer.name === 'code-already-used' ? answer.body.purchase : null;
		if (paper) S.units = units.became(code, 'bought', paper.purchased_at, paper.item && { name: paper.item.name, image: paper.item.image });
		else { refused(answer); return units.check(code).then(gone(code)); }
	},
	give(answer, code) {
		const { name } = picked() ?? {};
		if (answer.kind !== 'ok') { refused(answer); return units.check(code).then(gone(code)); }
		S.units = units.became(code, 'returned', new Date(now()).toISOString());
		S.elsewhere = null;
		S.picked = holds()[0]?.code ?? null;
		S.message = ['good', `You gave ${name ?? 'it'} back. Somebody else can have it now.`];
	},
};

const gone = code => () => {
	S.units = units.load();
	if (!['held', 'bought'].includes(S.units.find(u => u.code === code)?.is) && S.picked === code) S.picked = holds()[0]?.code ?? null;
};

function refused(answer) {
	const { name, body } = answer;
	if (name === 'sold-out') S.retry_at = Date.parse(body.retry_at) || null;
	if (name === 'user-limit-reached') S.elsewhere = { sale: S.sale?.id, user: S.user, n: (body.held ?? 0) + (body.bought ?? 0) };
	if (name === 'unauthorized') { S.wantsToken = true; S.isSignedIn = false; api.setToken(null); }
	S.message = ['', refusalWords(answer)];
}

/** Looks whether the time of holds is over, as the service decides it. */
export async function ranOut(u) {
	if (S.busy || !await units.check(u.code)) return;
	S.units = units.load();
	const it = S.units.find(x => x.code === u.code);
	if (it?.is === 'held') return;
	S.elsewhere = null;
	if (it?.is === 'expired') S.message = ['', `Time ran out for ${u.name}. It is back on sale; you can ask for another one.`];
	if (it?.is !== 'bought' && S.picked === u.code) S.picked = holds()[0]?.code ?? null;
	if (S.retry?.code === u.code && it?.is !== 'held') S.retry = null;
	render();
}
