// The panel: what is so, in words, and what can be done about it.
import { exactly, left, secondsTo } from './clock.js';
import { $, early, el, say, set } from './dom.js';
import { nameOf } from './sale.js';
import { S, isOut, picked, request, view } from './state.js';
import * as who from './who.js';
import { num, retryWords, wordsOf } from './words.js';

// A double press on "Get one" must not buy: for so long after their words changed, buttons rest.
const REST_MS = 700, SAY_MS = 8_000, LONG = 40;
let wereWords = '', wasState = null, wasNews, saidAt = -Infinity, saying, resting;

export function draw(act) {
	const v = view(), w = wordsOf(v, act), asked = request(), u = picked(), focused = document.activeElement, buttons = [w.main, w.sec1, w.sec2];
	for (const part of ['eyebrow', 'title', 'no', 'lead', 'note']) set($(part), w[part]);
	$('title').classList.toggle('long', w.title.length > LONG);
	['main1', 'sec1', 'sec2'].forEach((id, i) => button($(id), buttons[i]));
	$('main1').setAttribute('aria-busy', String(!!asked?.isBusy));
	who.draw(!!w.who || isOut());
	const waits = asked && !asked.isBusy && (v === 'asking' || v === 'hold') ? retryWords(asked) : '', message = waits || S.message?.[1];
	$('msg').className = `msg ${waits ? '' : S.message?.[0] ?? ''}`;
	set($('msg'), message);
	stock(w.stock, v); slip(w.slip); count(w.count || null);
	const words = JSON.stringify([S.sale?.id, S.picked, buttons.map(it => it && it[0])]);
	if (words !== wereWords) { wereWords = words; rest(); }
	tell(v, w, waits, message);
	keepFocus(focused);
	document.title = v === 'hold' ? `${left(Date.parse(u.expires_at))} – ${u.name}` : w.count ? `${left(w.count.to)} – ${w.eyebrow}` : S.sale ? `${w.eyebrow} – ${nameOf(S.sale)}` : 'Flashsale';
}

/** Says what is new. Seconds that go by are not; and while units come and go, not every time that they do. */
function tell(v, w, waits, message) {
	const asked = request(), state = [S.sale?.id, v, S.picked, asked?.op, asked?.isBusy].join(), news = waits.replace(/\d+ s/, '') || S.message;
	const isOther = state !== wasState, isNews = news && news !== wasNews, isFirst = wasState === null;
	wasState = state; wasNews = news;
	if (isFirst || !isOther && !isNews) return;
	const words = [message, ...isOther ? [w.eyebrow, w.title, w.no, w.lead] : []].filter(Boolean).map(it => it.replace(/[.\s]+$/, '')).join('. ');
	clearTimeout(saying);
	const wait = !isNews && /^(open|waiting)$/.test(v) ? saidAt + SAY_MS - performance.now() : 0, speak = () => { saidAt = performance.now(); say(words); };
	wait > 0 ? saying = setTimeout(speak, wait) : speak();
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
		if ($('act').classList.contains('rests')) return early(b);
		if (!isOff) return act();
		if (act) say('The shop cannot be reached just now.');
	};
}

/** Whoever pressed a button that went is at the main one, or at the panel. */
function keepFocus(focused) {
	if ($('panel').contains(focused) && focused.closest('[hidden]')) ($('main1').hidden ? $('panel') : $('main1')).focus({ preventScroll: true });
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
	// Of a few units each has a square.
	s.stock < 25 ? $('bar').style.setProperty('--n', s.stock) : $('bar').style.removeProperty('--n');
	$('barSold').style.width = `${s.sold / s.stock * 100}%`; $('barHeld').style.width = `${s.held / s.stock * 100}%`;
	set($('legendFree'), waits ? squareWords(s.stock) : '');
	for (const [id, text] of [['legendSold', `${num(s.sold)} sold`], ['legendHeld', `${num(s.held)} on hold, may come back`]]) {
		$(id).hidden = waits;
		set($(id).lastChild, text);
	}
}

/** How many units a square of the bar is: there are fewer squares on a small screen. */
export function squareWords(stock) {
	const squares = Number(getComputedStyle($('bar')).getPropertyValue('--n')), n = Math.round(stock / squares);
	return stock < squares ? '' : `Each square is ${num(n)} ${n === 1 ? 'unit' : 'units'}`;
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
	const rows = [['Bought', [u.at ? exactly(u.at) : 'yes']], ...u.price ? [['Price', [u.price]]] : [], ['By', [u.user]], ['Sale', [`no. ${u.sale}`]], ['Code', [el('code', { textContent: u.code }), ' ', copy]]];
	d.replaceChildren(...rows.flatMap(([name, of]) => [el('dt', { textContent: name }), el('dd', {}, ...of)]));
}
