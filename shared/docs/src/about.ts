/** The version of the API and of the messages, which both documents tell. */
export const API_VERSION = "1.0.0";
