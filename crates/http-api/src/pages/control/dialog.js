// One dialog for all that changes something: first what it does to buyers, then why. An order has a name, under
// which it is asked for again until the service says what came of it.
import * as api from './api.js';
import { now, secondsTo } from './clock.js';
import { $, early, el, say, set } from './dom.js';
import { drawn } from './request.js';
import { S } from './room.js';
import { refusalOf } from './find.js';

// A double press must not answer what it did not see: for so long after their words changed, buttons rest.
const REST_MS = 700, BUSY_TRIES = 5, KEPT = 'flashsale.order', WHY_MAX = 500, LEAVE = 'Leave as it is';
const dialog = $('dialog');
let about = null, order = null, retry = null, tell, out;
/** An order that is looked up once somebody has signed in again. */
let unsure = null;

/** `onDone(text, body)` is called with what was done, or may have been; `onOut(text)` when nobody is signed in any more. */
export function start(onDone, onOut) {
	tell = onDone; out = onOut;
	dialog.addEventListener('cancel', e => { if (order) e.preventDefault(); });
	dialog.addEventListener('close', left);
}

export const UNSURE = 'Your session was over, and it is not known whether that was done. Sign in, and it is looked up.';

/** Nobody is signed in any more. Returns whether it is not known what came of an order: then it is kept, and looked up. */
export function shut() {
	const isUnsure = !!order && (!retry || !!order.isUnsure);
	if (isUnsure) unsure = order;
	order = retry = null;
	dialog.close();
	return isUnsure;
}

/** A field with its name. */
export function field(name, label, props = {}, help = '') {
	const input = props.options ? el('select', { className: 'in', name }, ...props.options) : el('input', { className: 'in', name, autocomplete: 'off', ...props });
	return el('label', {}, label, ...help ? [el('small', { textContent: help })] : [], input);
}

/**
 * Asks. `of`: `title`, `effects` (texts), `parts` (elements), `needsWhy`, `whyHelp` (who reads the reason), `sure` (what is to be typed), `verb`, `tone`, `method`,
 * `path`, `leave` (if it is not left as it is), `deed` (what will have been done), `isChanged()` (what somebody else did meanwhile), `says(form)` (what is sent, or `{ wrong: [name, text] }`), `again(why)`.
 */
export function ask(of, why = '') {
	about = of; order = retry = null;
	const parts = [...of.parts ?? []];
	if (of.needsWhy !== false) parts.push(field('why', 'Why', { maxLength: WHY_MAX, value: why, required: true }, `It has to be said. ${of.whyHelp ?? 'It goes into the trail with your name, and buyers do not see it.'}`));
	if (of.sure) parts.push(field('sure', `Type ${of.sure} to confirm`, { inputMode: 'numeric' }));
	const leave = el('button', { type: 'button', className: 'btn', id: 'leave', textContent: of.leave ?? (of.verb ? LEAVE : 'Close'), onclick: close });
	const act = of.verb && el('button', { className: `btn main ${of.tone ?? ''}`, id: 'act', textContent: of.verb });
	const form = el('form', { noValidate: true, onsubmit: submitted, oninput: () => complain(null) },
		el('h2', { id: 'dialogT', textContent: of.title }), ...of.effects?.length ? [el('ul', { className: 'effects' }, ...of.effects.map(it => el('li', { textContent: it })))] : [],
		el('div', { id: 'parts' }, ...parts), el('p', { className: 'err', id: 'wrong', hidden: true }), el('p', { className: 'stand', id: 'stand', hidden: true }), el('div', { className: 'acts', id: 'orderActs' }, leave, ...act ? [act] : []));
	dialog.replaceChildren(form);
	if (!dialog.open) dialog.showModal();
	(form.querySelector('input:not([type=checkbox]), select') ?? leave).focus();
	rest();
}

function rest() {
	const acts = $('orderActs');
	acts.classList.add('rests');
	setTimeout(() => acts.classList.remove('rests'), REST_MS);
}

const isResting = () => $('orderActs').classList.contains('rests');

function close() { if (isResting()) early($('leave')); else if (!(order && !retry)) dialog.close(); }

/** Whoever leaves before the answer came is told where to look. */
function left() {
	// It was closed to ask anew: that it was is heard of only now.
	if (dialog.open) return;
	if (order) tell(`It is not known yet whether that was done: ${order.deed}. If it was, the trail below says so.`);
	order = retry = about = null;
	keep(unsure);
	unsure = null;
}

async function submitted(e) {
	const mine = about;
	e.preventDefault();
	if (order && !retry) return;
	if (isResting()) return early($('act') ?? $('leave'));
	if (!about.verb) return dialog.close();
	if (order) return attempt();
	if (about.isPassed) { const { again } = about, why = e.target.why?.value; dialog.close(); return again(why); }
	const form = e.target, said = about.says?.(form) ?? {};
	const wrong = said.wrong ?? (form.why && !form.why.value.trim() ? ['why', 'Say why, in a few words.'] : form.sure && form.sure.value.trim() !== String(about.sure) ? ['sure', `Type ${about.sure}, the number of the sale.`] : null);
	complain(wrong);
	if (wrong) return;
	const changed = await about.isChanged?.();
	if (about !== mine || order) return;
	if (changed) return complain(['sku', changed]);
	const why = form.why?.value.trim();
	order = { id: about.id ?? drawn(), by: S.me?.name ?? '', method: about.method, path: about.path, deed: about.deed, says: why ? { ...said, why } : said };
	return attempt();
}

function complain(wrong) {
	for (const it of dialog.querySelectorAll('[aria-invalid]')) { it.removeAttribute('aria-invalid'); it.removeAttribute('aria-describedby'); }
	set($('wrong'), wrong?.[1]);
	const it = wrong && dialog.querySelector('form').elements[wrong[0]];
	if (!it) return;
	it.setAttribute('aria-invalid', 'true'); it.setAttribute('aria-describedby', 'wrong');
	it.focus();
}

async function attempt() {
	const tries = retry?.tries ?? 0, mine = order;
	retry = null;
	keep(order); show();
	const answer = await api.order(order);
	if (order !== mine) return;
	// Once it may have been done, no later answer but the order's own says that it was not.
	if (answer.kind === 'lost') { mine.isUnsure = true; keep(mine); }
	if (answer.kind === 'lost' || answer.kind === 'busy' && (mine.isUnsure || tries < BUSY_TRIES)) {
		retry = { tries: tries + 1, lost: !!mine.isUnsure, at: now() + (answer.wait_ms ?? Math.min(15_000, 2_000 + 1_000 * tries)) + Math.random() * 1_000 };
		return show();
	}
	order = null;
	if (answer.status === 401 && mine.isUnsure) {
		unsure = mine;
		dialog.close();
		return out(UNSURE);
	}
	keep(null);
	if (answer.kind === 'ok') return done(answer.body, mine);
	if (answer.status === 401) { dialog.close(); return out('Your session was over: nothing was done. Sign in, and order it again.'); }
	refused(answer);
}

function done(body, { deed }) {
	dialog.close();
	tell(`${deed}. ${body.in_effect === false ? 'It is written down, and each process goes by it within seconds.' : 'It is in effect.'}`, body);
}

function refused({ kind, name, body, status }) {
	show();
	if (name === 'invalid-request' && body.errors?.length) {
		const [{ field: at, message }] = body.errors, fields = dialog.querySelector('form').elements;
		const it = { image_base64: 'picture', hold_ms: 'hold', starts_at: 'starts', per_user_limit: 'limit', ends_at: fields.ends ? 'ends' : 'lasts' }[at] ?? at;
		return complain([it, `${at} ${message}.`]);
	}
	const isPassed = body.refused === 'sale-changed-since' && !!about.again;
	const text = kind === 'busy' ? 'The service is too busy to answer, or waits for its ledger. Nothing was done.'
		: name === 'action-refused' ? refusalOf(body) : name === 'forbidden' ? `You may look, and not act: ${body.detail}.` : null;
	set($('stand'), `${text ?? `${body.detail ?? body.title ?? `The service refused, with status ${status}`}.`}${name === 'action-refused' ? ' Nothing was done.' : ''}${isPassed ? ' Look at the sale as it is now, and decide again.' : ''}`);
	$('stand').className = 'stand no';
	say($('stand').textContent);
	if (isPassed) { about.isPassed = true; $('act').textContent = 'Look again'; rest(); }
	$('act').focus();
}

/** How the order stands: under way, asked for again, or not given. */
function show() {
	const isUnsure = !!retry, busy = order && !retry, verb = $('act'), leave = $('leave');
	for (const it of dialog.querySelectorAll('#parts :is(input, select, button)')) it.disabled = !!order;
	complain(null);
	const words = isUnsure ? retry.lost ? 'Ask again now' : 'Try again now' : busy ? 'Ordering…' : about.verb, away = isUnsure ? 'Stop asking' : about.leave ?? LEAVE;
	if (verb.textContent !== words || leave.textContent !== away) { verb.textContent = words; leave.textContent = away; rest(); }
	for (const it of [verb, leave]) busy ? it.setAttribute('aria-disabled', 'true') : it.removeAttribute('aria-disabled');
	$('stand').className = 'stand';
	const text = !isUnsure ? '' : retry.lost ? 'We do not know yet whether that was done. It is safe to ask again: it is the same order, and cannot be carried out twice.' : 'The service could not answer. Nothing was done so far.';
	if (text && $('stand').hidden) say(text);
	set($('stand'), text && `${text} We ask again in ${secondsTo(retry.at)} s.`);
	if (isUnsure && !dialog.contains(document.activeElement)) verb.focus();
}

/** Once a second. */
export function tick() {
	if (!retry) return;
	if (now() >= retry.at) attempt(); else show();
}

const keep = it => { try { it ? sessionStorage.setItem(KEPT, JSON.stringify(it)) : sessionStorage.removeItem(KEPT); } catch { /* it is in memory */ } };

/** Goes on where a reload, or the end of a session, cut an order off: asks what came of it, and never gives it again by itself. */
export async function resume() {
	let kept = null;
	try { kept = JSON.parse(sessionStorage.getItem(KEPT)); } catch { /* then there is none */ }
	if (!kept || !/^[\da-f-]{36}$/.test(kept.id) || !/^admin\/[\w/.:@%-]+$/.test(kept.path) || /(^|\/)\.\.?(\/|$)/.test(kept.path) || !['POST', 'PATCH', 'PUT', 'DELETE'].includes(kept.method) || typeof kept.deed !== 'string' || typeof kept.by !== 'string') return keep(null);
	const answer = await api.action(kept.id), isMine = kept.by === S.me?.name, who = isMine ? 'you' : kept.by;
	if (answer.kind === 'ok') { keep(null); return tell(answer.body.refused ? `Before, ${who} ordered something that was refused: ${kept.deed}. The trail says why.` : `${kept.deed}, as ${who} ordered before.`, {}); }
	// It is theirs: who is here now would order it in their own name.
	if (!isMine) { keep(null); return tell(`It is not known whether that was done, which ${who} ordered before: ${kept.deed}. If it was, the trail below says so.`); }
	ask({
		...kept, title: 'Was that done?', verb: 'Order it again', needsWhy: false, says: () => kept.says,
		effects: [`Before, you ordered this: ${kept.deed}.`, answer.name === 'not-found' ? 'The service has no such order so far. The request may still be on its way.' : 'The service did not say what came of it.', 'It is safe to order it again: it is the same order, and cannot be carried out twice.'],
	});
}
