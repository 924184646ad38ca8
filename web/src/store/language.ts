// Which language the interface speaks: what is set, else the browser's.
import { createStore, type StoreApi } from "zustand/vanilla";
import { en } from "@/i18n/en";
import { LOCALES, messagesIn, type Locale, type Messages } from "@/i18n/messages";
import type { Settings } from "@/store/settings";

export class Language {
  readonly store: StoreApi<{ locale: Locale; messages: Messages }> = createStore(() => ({ locale: "en", messages: en }));

  constructor(private readonly settings: StoreApi<Settings>) {}

  get messages(): Messages {
    return this.store.getState().messages;
  }

  /** Follow the setting. Returns the function that stops. */
  start(): () => void {
    const follow = () => void this.speak(wanted(this.settings.getState().locale));
    follow();
    return this.settings.subscribe((state, before) => state.locale !== before.locale && follow());
  }

  private async speak(locale: Locale): Promise<void> {
    const messages = await messagesIn(locale);
    if (wanted(this.settings.getState().locale) !== locale) return;
    document.documentElement.lang = locale;
    this.store.setState({ locale, messages });
  }
}

function wanted(set: Settings["locale"]): Locale {
  if (set !== "system") return set;
  const known = Object.keys(LOCALES) as Locale[];
  return known.find((one) => navigator.language.toLowerCase().startsWith(one)) ?? "en";
}
