/* SPDX-License-Identifier: EUPL-1.2 */
// A style sheet imported as text by the build.
declare module '*.css' {
    const text: string;
    export default text;
}
