// The panel: what is so, in words, and what can be done about it.
import { left, secondsTo, toSeconds } from './clock.js';
import { $, el, say, set } from './dom.js';
import { nameOf } from './sale.js';
import { S, picked, view } from './state.js';
import * as who from './who.js';
import { num, retryWords, wordsOf } from './words.js';

// A double press on "Get one" must not buy: for so long after their words changed, buttons rest.
const REST_MS = 700;
let shown = '', resting;

export function draw(act) {
	const v = view(), w = wordsOf(v, act), state = v + S.picked + S.busy + S.retry?.op;
	for (const part of ['eyebrow', 'title', 'no', 'lead', 'note']) set($(part), w[part]);
	['main1', 'sec1', 'sec2'].forEach((id, i) => button($(id), [w.main, w.sec1, w.sec2][i]));
	$('main1').setAttribute('aria-busy', String(!!S.busy));
	who.draw(!!w.who);
	$('msg').className = `msg ${S.retry ? '' : S.message?.[0] ?? ''}`;
	set($('msg'), S.retry && (v === 'asking' || v === 'hold' && S.retry.code === S.picked) ? retryWords() : S.message?.[1]);
	stock(w.stock, v); slip(w.slip); count(w.count || null);
	if (state !== shown) {
		rest();
		if (shown) say([S.retry ? $('msg').textContent : S.message?.[1], w.eyebrow, w.title, w.no, w.lead].filter(Boolean).join('. '));
		shown = state;
	}
	keepFocus();
	const u = picked();
	document.title = v === 'hold' ? `${left(Date.parse(u.expires_at))} – ${u.name}` : w.count ? `${left(w.count.to)} – ${w.eyebrow}` : S.sale ? `${w.eyebrow} – ${nameOf(S.sale)}` : 'Flashsale';
}

function rest() {
	$('act').classList.add('rests');
	clearTimeout(resting);
	resting = setTimeout(() => $('act').classList.remove('rests'), REST_MS);
}

/** `of` is its words, what it does, and a time in it for where the clock is out of sight. */
function button(b, of) {
	b.hidden = !of;
	if (!of) return;
	const [words, act, time] = of, key = `${words}|${!!time}`;
	if (b.dataset.key !== key) {
		b.dataset.key = key;
		b.replaceChildren(words, ...time ? [el('span', { className: 't', ariaHidden: 'true' })] : []);
	}
	if (time) b.lastChild.textContent = time;
	const isOff = !act || S.link === 'off';
	isOff ? b.setAttribute('aria-disabled', 'true') : b.removeAttribute('aria-disabled');
	b.onclick = () => {
		if ($('act').classList.contains('rests')) return;
		if (!isOff) return act();
		if (act) say('The shop cannot be reached just now.');
	};
}

/** Whoever pressed a button that went is at the main one, or at the panel. */
function keepFocus() {
	const f = document.activeElement;
	if ($('panel').contains(f) && f.closest('[hidden]')) ($('main1').hidden ? $('panel') : $('main1')).focus({ preventScroll: true });
}

function count(c) {
	const e = $('count');
	e.hidden = !c;
	if (!c) return;
	e.classList.toggle('big', !!c.big);
	e.classList.toggle('soon', !!c.hold && secondsTo(c.to) <= 60);
	set($('countLabel'), c.label); set($('countValue'), left(c.to)); set($('countAt'), c.at);
}

function stock(isShown, v) {
	const s = S.sale;
	$('stock').hidden = !isShown;
	if (!isShown) return;
	const waits = v === 'before', units = s.available === 1 ? 'unit' : 'units';
	set($('leftN'), num(s.available));
	set($('leftT'), waits ? `${units} ${s.available === 1 ? 'is' : 'are'} waiting` : s.available === 1 ? 'left, the last one' : 'left');
	$('barSold').style.width = `${s.sold / s.stock * 100}%`; $('barHeld').style.width = `${s.held / s.stock * 100}%`;
	set($('legendFree'), waits && s.stock >= 50 ? `Each square is ${num(Math.round(s.stock / 50))} ${s.stock < 75 ? 'unit' : 'units'}` : '');
	for (const [id, text] of [['legendSold', `${num(s.sold)} sold`], ['legendHeld', `${num(s.held)} on hold, may come back`]]) {
		$(id).hidden = waits;
		set($(id).lastChild, text);
	}
}

function slip(u) {
	const d = $('slip');
	d.hidden = !u;
	if (!u || d.dataset.key === u.code + u.at) return;
	d.dataset.key = u.code + u.at;
	const copy = el('button', { type: 'button', className: 'plain', textContent: 'Copy' });
	copy.onclick = async () => {
		try { await navigator.clipboard.writeText(u.code); copy.textContent = 'Copied'; say('Code copied'); } catch { getSelection().selectAllChildren(copy.previousSibling); say('Code selected'); }
	};
	const rows = [['Bought', [u.at ? toSeconds(u.at) : 'yes']], ['By', [u.user]], ['Sale', [`no. ${u.sale}`]], ['Code', [el('code', { textContent: u.code }), ' ', copy]]];
	d.replaceChildren(...rows.flatMap(([name, of]) => [el('dt', { textContent: name }), el('dd', {}, ...of)]));
}
