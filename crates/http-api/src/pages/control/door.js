// Signing in: a token is exchanged for the cookie of a session, which no program sees, and is not kept.
import { signIn } from './api.js';
import { $, set } from './dom.js';

let enter;

export function start(onEnter) {
	enter = onEnter;
	$('doorForm').addEventListener('submit', submitted);
	$('token').addEventListener('input', () => complain(''));
}

/** Shows it, and why. */
export function show(why) {
	set($('doorWhy'), why);
	$('door').hidden = false;
	$('token').focus();
}

export const hide = () => { $('door').hidden = true; };

function complain(text) {
	set($('tokenErr'), text);
	text ? $('token').setAttribute('aria-invalid', 'true') : $('token').removeAttribute('aria-invalid');
}

async function submitted(e) {
	e.preventDefault();
	const token = $('token').value.trim();
	if (!/^[\x21-\x7e]{1,512}$/.test(token)) { complain(token ? 'A token has no blanks in it, and plain letters and digits only.' : 'Put in your token.'); return $('token').focus(); }
	$('enter').setAttribute('aria-disabled', 'true');
	const answer = await signIn(token);
	$('enter').removeAttribute('aria-disabled');
	if (answer.kind === 'ok') { $('token').value = ''; complain(''); return enter(answer.body); }
	complain(answer.status === 401 ? 'Nobody has this token. It may have been taken out of the file, or a letter is missing.'
		: answer.status === 429 ? `Too many wrong tokens came from your address: none is looked at for ${Math.ceil((answer.wait_ms ?? 1_000) / 1_000)} s.`
		: answer.status === 421 || answer.status === 403 ? `The service does not take this page’s address: ${answer.body.detail ?? 'see ADMIN_HOSTS'}.`
		: 'The service did not answer. Please try again.');
	$('token').focus();
}
