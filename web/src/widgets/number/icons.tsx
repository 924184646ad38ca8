// Icons of one path each: a seed has two of them, and a graph many seeds.

interface IconProps {
  size: number;
}

const outlined = (path: string) =>
  function Icon({ size }: IconProps) {
    return (
      <svg width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth={2} strokeLinecap="round" strokeLinejoin="round" aria-hidden>
        <path d={path} />
      </svg>
    );
  };

export const Dice = outlined("M6 3h12a3 3 0 0 1 3 3v12a3 3 0 0 1-3 3H6a3 3 0 0 1-3-3V6a3 3 0 0 1 3-3ZM8.3 7.6000000000000005a.7.7 0 1 1 0 1.4.7.7 0 0 1 0-1.4ZM15.7 7.6000000000000005a.7.7 0 1 1 0 1.4.7.7 0 0 1 0-1.4ZM12 11.3a.7.7 0 1 1 0 1.4.7.7 0 0 1 0-1.4ZM8.3 15.0a.7.7 0 1 1 0 1.4.7.7 0 0 1 0-1.4ZM15.7 15.0a.7.7 0 1 1 0 1.4.7.7 0 0 1 0-1.4Z");
export const Crossing = outlined("M2 18h2.5a5 5 0 0 0 4-2l6-8a5 5 0 0 1 4-2H22M18.5 2.5 22 6l-3.5 3.5M2 6h2.5a5 5 0 0 1 4 2M14.5 16a5 5 0 0 0 4 2H22M18.5 14.5 22 18l-3.5 3.5");
