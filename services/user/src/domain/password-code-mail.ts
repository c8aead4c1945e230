interface PasswordCodeFacts {
  readonly username: string;
  readonly code: string;
  readonly expiresAt: Date;
  /** Where people reach the pages, without a slash at its end; the mail has a link when it is known. */
  readonly pagesUrl?: string | undefined;
}

/** The mail with a one-time code, in both languages of the pages: which one its reader prefers is not known. */
export function passwordCodeMail({ username, code, expiresAt, pagesUrl }: PasswordCodeFacts): {
  readonly subject: string;
  readonly body: string;
} {
  const until = `${expiresAt.toISOString().slice(0, 16).replace("T", " ")} UTC`;
  const link = pagesUrl === undefined ? "" : `${pagesUrl}/set-password`;
  return {
    subject: "Set your password / 비밀번호 설정",
    body: [
      `An admin has made a one-time code for ${username}. With it you set your password.`,
      `Code: ${code}`,
      `It is good once, until ${until}. Whoever has it can set the password: pass it on to nobody.`,
      ...(link === "" ? [] : [link]),
      "",
      `관리자가 ${username} 계정의 일회용 코드를 만들었습니다. 이 코드로 비밀번호를 정합니다.`,
      `코드: ${code}`,
      `${until}까지 한 번 쓸 수 있습니다. 코드가 있으면 누구나 비밀번호를 정할 수 있으니 다른 사람에게 알려 주지 마세요.`,
      ...(link === "" ? [] : [link]),
      "",
    ].join("\n"),
  };
}
