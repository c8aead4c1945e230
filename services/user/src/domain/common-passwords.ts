/**
 * Passwords of ten characters and more that guessers try first, in lower case: runs of keys and digits, the usual words with a
 * year or a number behind, and the same typed on a Korean keyboard. Shorter ones are refused by their length.
 */
export const commonPasswords: ReadonlySet<string> = new Set(
  `
  1234567890 0123456789 9876543210 0987654321 12345678910 123456789a 123456789q a123456789 q123456789 abc123456789
  123456789abc 1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx3edc 1qazxsw23edc q1w2e3r4t5 q1w2e3r4t5y6 qwertyuiop qwertyuiop123
  qwerty12345 qwerty123456 qwerty1234 qwertyui123 qwertyuiop[] asdfghjkl1 asdfghjkl; asdfghjkl123 asdf123456
  zxcvbnm123 zxcvbnm1234 zxcvbnmasdf qazwsxedcrfv qazwsx123456 qazwsxedc123 poiuytrewq password12 password123
  password1234 password12345 password123456 password01 password2024 password2025 password2026 passwordpassword
  passw0rd123 p@ssword123 p@ssw0rd123 p@ssw0rd1234 pa$$word123 mypassword mypassword1 mypassword123 newpassword
  newpassword1 thepassword yourpassword changeme123 changemenow letmein123 letmein1234 letmeinnow welcome123
  welcome1234 welcome2024 welcome2025 welcome2026 admin12345 admin123456 administrator administrator1 rootpassword
  root123456 superuser123 test123456 testtest123 testpassword test1234567 guest12345 user123456 username123 default123
  secret1234 secret12345 topsecret123 iloveyou12 iloveyou123 iloveyou1234 iloveyou4ever iloveyouforever loveyou123
  loveyou1234 lovelovelove mylove1234 forever123 princess12 princess123 sunshine12 sunshine123 football12 football123
  football1234 baseball12 baseball123 basketball basketball1 basketball123 superman12 superman123 batman12345
  spiderman1 spiderman123 starwars12 starwars123 pokemon123 pokemon1234 dragon1234 dragon12345 monkey1234 monkey12345
  shadow1234 master1234 master12345 michael123 jennifer12 jordan1234 charlie123 computer12 computer123 internet12
  internet123 samsung123 samsung1234 google1234 facebook12 facebook123 whatever12 whatever123 trustno1234 abcdefghij
  abcdefghijk abcdefghijklmnop abcdefg123 abcdefg1234 abcd123456 abcd1234567 abc1234567 abcabcabc1 aa12345678
  aa123456789 a1b2c3d4e5 a1b2c3d4e5f6 1234qwerasdf 1234qwer1234 qwer1234asdf qwerasdfzxcv qwer123456 1122334455
  1223334444 1029384756 0192837465 1357924680 2468013579 1234554321 1234512345 1231231231 123123123a 123123123123
  1212121212 1313131313 6969696969 7777777777 5555555555 1111111111 0000000000 0101010101 1478523690 7894561230
  3216549870 147258369a 1472583690 dkssudgktpdy saranghae1 saranghae12 saranghae123 korea12345 seoul12345 tjdnf12345
  qlalfqjsgh qlalfqjsgh1 rkskekfk12 dkagh12345 customer123 delivery123
`
    .trim()
    .split(/\s+/),
);
