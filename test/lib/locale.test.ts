import {expect, test} from 'vitest';
import {isUtf8} from '../../source/lib/locale.js';

test.each<[Record<string, string>, NodeJS.Platform, boolean]>([
	[{LANG: 'en_US.UTF-8'}, 'linux', true],
	[{LANG: 'de_DE.utf8'}, 'linux', true],
	[{LANG: 'C'}, 'linux', false],
	[{LANG: 'en_US.ISO-8859-1'}, 'linux', false],
	[{}, 'linux', false],
	[{LANG: 'C', LC_CTYPE: 'C.UTF-8'}, 'linux', true],
	[{LANG: 'en_US.UTF-8', LC_CTYPE: 'C'}, 'linux', false],
	[{LANG: 'en_US.UTF-8', LC_CTYPE: 'C.UTF-8', LC_ALL: 'C'}, 'linux', false],
	[{LANG: 'en_US.UTF-8', LC_ALL: ''}, 'linux', true],
	[{}, 'darwin', true],
	[{LANG: 'C'}, 'win32', true],
])('%o on %s: %s', (env, platform, expected) => {
	expect(isUtf8(env, platform)).toBe(expected);
});
