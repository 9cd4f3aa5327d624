export { PackferryError, type ErrorCode } from './core/errors.ts';
