// The texts of the interface in the language that is chosen. English is there from the start, others are loaded when asked for.
import { createContext, useContext } from "react";
import { en } from "@/i18n/en";

export type Messages = typeof en;

export const LOCALES = { en: "English", de: "Deutsch" } as const;
export type Locale = keyof typeof LOCALES;

export async function messagesIn(locale: Locale): Promise<Messages> {
  switch (locale) {
    case "en":
      return en;
    case "de":
      return (await import("@/i18n/de")).de;
  }
}

export const MessagesContext = createContext<Messages>(en);

export function useMessages(): Messages {
  return useContext(MessagesContext);
}
