import {registerHooks} from 'node:module';

/** Lets what is imported from now on say `.js` for what is a `.ts` here, as `source/` does. */
export const resolveTypeScriptSource = () => {
	registerHooks({
		resolve(specifier, context, next) {
			try {
				return next(specifier, context);
			} catch (error) {
				if (!/^\.\.?\/.*\.js$/.test(specifier)) throw error;
				return next(specifier.replace(/\.js$/, '.ts'), context);
			}
		},
	});
};
