/**
 * Passwords of ten characters and more, in lower case, that guessers try first and that the list of leaked ones lacks: the usual words with a recent year
 * or a number behind, words of a shop, and such as are typed on a Korean keyboard.
 */
export const commonPasswords: ReadonlySet<string> = new Set(
  `
  qwertyuiop[] password123456 password2024 password2025 password2026 passw0rd123 p@ssword123 p@ssw0rd123
  p@ssw0rd1234 pa$$word123 mypassword123 thepassword changemenow letmein1234 welcome2024 welcome2025 welcome2026
  admin123456 administrator1 rootpassword root123456 superuser123 testtest123 testpassword test1234567 guest12345
  user123456 username123 default123 secret1234 iloveyou4ever loveyou1234 mylove1234 football1234 batman12345
  monkey12345 google1234 facebook12 facebook123 trustno1234 abcd1234567 abcabcabc1 dkssudgktpdy saranghae1
  saranghae12 saranghae123 korea12345 seoul12345 tjdnf12345 qlalfqjsgh qlalfqjsgh1 rkskekfk12 dkagh12345
  customer123 delivery123
`
    .trim()
    .split(/\s+/),
);
