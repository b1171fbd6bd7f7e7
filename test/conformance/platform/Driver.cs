// Runs the C# of docs/client/unity.md. In: one call a line, its words separated by spaces, text as
// UTF-16 code units in hexadecimal. Out: one line for each call, its results separated by spaces.
using System;
using System.Globalization;
using System.Linq;
using UnityEngine;

public static class Driver
{
    static string Text(string hex)
    {
        return new string(Enumerable.Range(0, hex.Length / 4).Select(i => (char)Convert.ToInt32(hex.Substring(i * 4, 4), 16)).ToArray());
    }

    static string Hex(string text)
    {
        return "=" + string.Concat(text.Select(unit => ((int)unit).ToString("x4")));
    }

    static string Words(params double[] numbers)
    {
        return string.Join(" ", numbers.Select(number => number.ToString("R", CultureInfo.InvariantCulture)));
    }

    static string Words(Quaternion q)
    {
        return Words(q.x, q.y, q.z, q.w);
    }

    static string Run(string[] words)
    {
        Func<int, double> number = i => double.Parse(words[i + 1], CultureInfo.InvariantCulture);
        Func<int, Quaternion> quaternion = i =>
            new Quaternion((float)number(i), (float)number(i + 1), (float)number(i + 2), (float)number(i + 3));
        switch (words[0])
        {
            case "rotation":
                return Words(HayateAxes.Rotation((float)number(0), (float)number(1), (float)number(2), (float)number(3)));
            case "position":
                Vector3 p = HayateAxes.Position((float)number(0), (float)number(1), (float)number(2));
                return Words(p.x, p.y, p.z);
            case "ownBone":
                return Words(HayateAxes.OwnBone(quaternion(0), quaternion(4), quaternion(8)));
            case "clock":
                long position = HayateClock.PositionAt(number(0), number(1), long.Parse(words[3]));
                return position + " " + HayateClock.CaptureUs(position, long.Parse(words[4]), long.Parse(words[5]));
            case "text":
                string typed = Text(words.Length > 1 ? words[1] : "");
                return Hex(HayateText.Clean(typed, false)) + " " + Hex(HayateText.Clean(typed, true));
            default:
                throw new ArgumentException(words[0]);
        }
    }

    public static void Main()
    {
        for (string line = Console.ReadLine(); line != null; line = Console.ReadLine()) Console.WriteLine(Run(line.TrimEnd().Split(' ')));
    }
}
